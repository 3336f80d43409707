"""`bench run --watch`: what is watched, and that a saved file runs the same command again. No test waits."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import estibench
from estibench import host as plugin_host
from estibench.cli import watch as watching

PLUGIN = """
from dataclasses import dataclass
from estibench import Estimator, EstimatorEntry, hookimpl

@hookimpl
def bench_estimators():
    return [EstimatorEntry("mine", __name__ + ":Mine", "mine", tasks=("trace",))]

@dataclass(frozen=True)
class Mine(Estimator):
    def estimate(self, problem, generator):
        return problem.truth.to(problem.torch_dtype)
"""


class EnoughError(Exception):
    """Ends a watch."""


def test_a_saved_file_runs_again_once_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file grows for two looks, and vanishes for one: only when two looks see the same is it run."""
    file = tmp_path / "plugin.py"
    file.write_text("1")
    ran: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda command, check: ran.append(command[3:]))
    looks = iter(["12", None, "123", "123", "123"])
    seen: list[int] = []

    def look() -> None:
        seen.append(len(ran))
        text = next(looks, "end")
        if text == "end":
            raise EnoughError
        if text is None:
            file.unlink()
        elif not file.exists() or file.read_text() != text:
            file.write_text(text)

    with pytest.raises(EnoughError):
        watching.watch(["run", "s.yaml"], lambda: [file], look)
    assert ran == [["run", "s.yaml"]] * 2
    assert seen == [1, 1, 1, 1, 2, 2]


def test_what_cells_are_made_of_is_watched(suite_file, tmp_path: Path) -> None:
    """The plugin that is one file, and of a built-in package the modules that its cells import, not the others."""
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN)
    text = "name: s\ndraws: {min: 2, max: 2}\ntiming: {rounds: 0}\nproblems: [{name: matrix, dim: 8}]\n"
    try:
        plugin_host.start([str(plugin)])
        estibench.run(
            suite_file(text + "estimators: [mine, hutchinson]\n"), directory=tmp_path / "run", engine="serial"
        )
    finally:
        plugin_host.start()
    found = watching.sources_of(tmp_path / "run")
    assert plugin in found
    names = {path.name for path in found if path.parent.name == "estibench_trace"}
    assert "hutchinson.py" in names
    assert "xtrace.py" not in names
    assert all(path.is_file() for path in found)
    assert watching.sources_of(tmp_path) == set()
