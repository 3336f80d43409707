"""Two runs against each other: kept draws, machines, and the words on the terminal, in Markdown and in JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from estibench.exports.change_text import conclusion, print_comparison, to_json, to_markdown
from estibench.exports.run_changes import RunComparison, compare_runs, why_other_machine
from estibench.measure.kept import KeptDraws, pack
from estibench.results import Results
from estibench.results.draws import DrawsFolder
from estibench.results.store import Record, Store

MACHINE = {"processor": "AMD EPYC", "cores": 2, "torch": "2.13.0", "python": "3.11.7"}


def about(host: str = "vm", seed: int = 0, threads: int = 1, **machine: Any) -> dict[str, Any]:
    settings = {"seed": seed, "threads": threads, "confidence": 0.95}
    known = {"suite": "s", "started": "2026-01-01", "commit": "abc", "host": host}
    return {**known, "settings": settings, "machine": {**MACHINE, **machine}}


def row(estimator: str = "a", mse: float = 1.0, time: float = 1.0, **more: Any) -> dict[str, Any]:
    where = {"task": "t", "problem": "p", "estimator": estimator, "device": "cpu", "dtype": "float32", "status": "ok"}
    bounds = {"mse": mse, "mse_low": mse / 1.1, "mse_high": mse * 1.1, "draws": 500, "baseline": "a"}
    times = {"time": time, "time_low": time / 1.01, "time_high": time * 1.01, "time_rounds": 11, "time_host": "vm"}
    ratio = {"time_ratio": time, "time_ratio_low": time / 1.01, "time_ratio_high": time * 1.01}
    return {**where, **bounds, **times, **ratio, "family": estimator, "reason": "", "key": estimator, **more}


def results(*rows: dict[str, Any], directory: Path = Path("nowhere"), **how: Any) -> Results:
    return Results(directory, about(**how), list(rows))


def compared(before: Results, after: Results, **more: Any) -> RunComparison:
    return compare_runs(before, after, 0.1, 0.01, **more)


def verdicts(found: RunComparison) -> dict[str, str]:
    return {change.quantity: change.verdict for change in found.changes}


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({}, ""),
        ({"host": "pc"}, "hosts vm and pc"),
        ({"processor": "Intel", "cores": 8}, "processor AMD EPYC and Intel, number of cores 2 and 8"),
        ({"threads": 4}, "1 and 4 threads"),
        ({"torch": "2.14.0"}, ""),
    ],
)
def test_which_machines_compare(other: dict[str, Any], why: str) -> None:
    assert why_other_machine(results(), results(**other)) == why


def test_times_of_other_machines_are_refused_unless_asked_for() -> None:
    before, after = results(row(), row("b", time=2.0)), results(row(time=3.0), row("b", time=4.0), host="pc")
    found = compared(before, after)
    assert "time" not in verdicts(found)
    assert any("not compared: other machines (hosts vm and pc). --any-machine" in note for note in found.notes)
    found = compared(before, after, any_machine=True)
    assert {"time_ratio"} == {one.quantity for one in found.changes if one.quantity.startswith("time")}
    assert any("relative to the baseline of each run" in note for note in found.notes)


def kept(directory: Path, squared: torch.Tensor, **how: Any) -> Results:
    """A run whose cell `a` has these squared errors."""
    directory.mkdir()
    digest = DrawsFolder(directory).write("a", pack(KeptDraws(squared_errors=squared), 0))
    Store(directory).append(Record("a", "accuracy", {}, draws=digest))
    mse = float(squared.mean())
    return results(row(mse=mse, **{"mse_low": mse / 1.3, "mse_high": mse * 1.3}), directory=directory, **how)


def test_kept_draws_are_paired_and_see_more_than_bounds(tmp_path: Path) -> None:
    """Errors 4 % larger with the same random numbers: 30 % wide bounds see nothing, pairs see it."""
    generator = torch.Generator().manual_seed(0)
    squared = torch.randn(500, generator=generator, dtype=torch.float64).square()
    noise = 0.01 * torch.randn(500, generator=generator, dtype=torch.float64)
    before, after = kept(tmp_path / "a", squared), kept(tmp_path / "b", squared * (1.08 + noise))
    found = compared(before, after)
    assert verdicts(found)["mse"] == "worse"
    assert found.changes[0].ratio == pytest.approx(1.08, abs=0.01)
    bounds_only = compared(results(*before.rows), results(*after.rows))
    assert verdicts(bounds_only)["mse"] == "not told apart"
    tiny = kept(tmp_path / "c", squared * (1 + 1e-3 * noise))
    assert verdicts(compared(before, tiny))["mse"] == "same"  # significant, and no more than the margin


def test_what_differs_between_the_runs_is_said() -> None:
    before, after = results(row()), results(row(), seed=3, torch="2.14.0")
    after.about["settings"]["confidence"] = 0.99
    notes = "\n".join(compared(before, after).notes)
    assert "The seeds are 0 and 3: the draws are independent." in notes
    assert "95 % before and 99 % after; both are brought to 99 %" in notes
    assert "torch: 2.13.0 before, 2.14.0 after." in notes
    assert "seed 0: draws are paired" in "\n".join(compared(before, before).notes)


def test_regressions_and_changes() -> None:
    before = results(row(), row("b"), row("c"))
    better = compared(before, results(row(mse=0.2), row("b"), row("c")))
    assert (better.has("regression"), better.has("change"), better.has("never")) == (False, True, False)
    fails = compared(before, results({**row(), "status": "failed", "reason": "raises"}, row("b"), row("c")))
    assert fails.has("regression")
    assert fails.changes[0].verdict == "now fails"
    same = compared(before, before)
    assert not same.has("change")
    assert conclusion(same) == "No change was found."


def changed() -> RunComparison:
    after = results(row(mse=3.0, time=1.02), {**row("b|x"), "status": "failed", "reason": "raises"}, row("new"))
    return compared(results(row(), row("b|x"), row("gone")), after)


def test_terminal() -> None:
    screen = Console(file=io.StringIO(), width=200)
    print_comparison(changed(), False, screen)
    text = screen.file.getvalue()  # type: ignore[attr-defined]
    for words in ("now fails", "failed: raises", "worse", "× 3 [", "1 → 3", "1 worse", "gone", "new"):
        assert words in text
    assert text.strip().endswith("Changes: 1 now fails, 1 worse, 1 gone, 1 new.")
    assert "× 1.02" not in text
    print_comparison(changed(), True, screen)
    assert "× 1.02" in screen.file.getvalue()  # type: ignore[attr-defined]


def test_markdown_and_json_are_whole_and_valid() -> None:
    text = to_markdown(changed(), False)
    assert "| worse | p | a | MSE | × 3 \\[" in text
    assert "b\\|x" in text
    whole = json.loads(to_json(changed()))
    assert whole["changes"][0]["verdict"] == "now fails"
    assert whole["changes"][0]["ratio"] is None
    worse = next(change for change in whole["changes"] if change["verdict"] == "worse")
    assert (worse["estimator"], worse["quantity"], worse["before"], worse["after"]) == ("a", "mse", 1.0, 3.0)
