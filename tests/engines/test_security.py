"""Results and suites are data: loading them executes nothing, and no text in them is more than text."""

import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

import estibench
from estibench import UserError
from estibench import host as plugin_host
from estibench.cli import bench as command_line
from estibench.host import plugins as host_module
from estibench.measure.kept import unpack
from estibench.results.plan_file import read_plan
from estibench.results.store import Record, Store
from estibench.suite import read_suite
from estibench.suite.schema import SuiteFile

HOSTILE = Path(__file__).parent / "plugins" / "hostile.py"
SUITE = """
name: hostile
draws: {min: 64, max: 64}
timing: {rounds: 0}
problems: [{name: hostile_problem, dim: 8}, {name: matrix, dim: 8}]
estimators: [speaks, complains, declines, exact]
tables: [{name: t, value: rmse}]
plots: [{kind: error_cost}]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("hostile")
    (place / "suite.yaml").write_text(SUITE)
    command = [sys.executable, "-m", "estibench", "-p", str(HOSTILE)]
    arguments = ["run", str(place / "suite.yaml"), "-o", str(place / "run"), "--engine", "serial"]
    done = subprocess.run(
        [*command, *arguments], capture_output=True, check=False, env={**os.environ, "COLUMNS": "120"}
    )
    before = host_module.current()
    exported, status = (
        CliRunner().invoke(command_line, ["-p", str(HOSTILE), word, str(place / "run")])
        for word in ("export", "status")
    )
    host_module._current = before
    assert exported.exit_code == 0, exported.output
    return place / "run", done, status


def test_terminals_get_no_control_characters(run):
    _, done, status = run
    assert done.returncode == 1, done.stderr.decode()
    assert b"script" in done.stdout, "the text is shown"
    assert b"script" in status.stdout_bytes
    for output in (done.stdout, done.stderr, status.stdout_bytes, status.stderr_bytes):
        assert not {*output} & ({*range(32)} - {*b"\n"}), output


def test_the_page_shows_text_as_text(run):
    page = (run[0] / "report.html").read_text()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert 'href="javascript' not in page


def test_tables_and_plots_show_text_as_text(run):
    assert {path.suffix for path in run[0].rglob("*.*")} >= {".md", ".tex", ".svg"}
    for path in run[0].rglob("*.md"):
        for line in path.read_text().splitlines():
            assert "<script>" not in line.replace("\\<script", "")
    for path in run[0].rglob("*.tex"):
        assert "\\input{" not in path.read_text()
    for path in run[0].rglob("*.svg"):
        assert "<script" not in path.read_text()


class Bomb:
    """Writes a file when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("exploded",)


def test_pickles_are_not_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bomb = pickle.dumps(Bomb())
    for load in (lambda: unpack(bomb), lambda: unpack(len(bomb).to_bytes(8, "little") + bomb)):
        with pytest.raises(UserError, match="not a file of draws"):
            load()
    (tmp_path / "run.json").write_bytes(bomb)
    (tmp_path / "cells.jsonl").write_bytes(bomb)
    with pytest.raises(UserError, match="cannot read"):
        estibench.load(tmp_path)
    assert not (tmp_path / "exploded").exists()


def test_no_source_of_ours_unpickles():
    """Nor loads arrays or tensors in a way that could; dask's own transport, on the user's cluster, aside."""
    for path in Path(estibench.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for word in ("import pickle", "pickle.load", "torch.load", "allow_pickle=True", "yaml.load("):
            assert word not in text, f"{path.name}: {word}"
        found = re.search(r"(?<![\w.])(eval|exec)\(", text)  # a module's .eval() sets its mode and runs nothing
        assert found is None, f"{path.name}: {found}"


@settings(max_examples=100)
@given(junk=st.binary(max_size=300))
def test_junk_in_place_of_any_file_is_one_clear_error(tmp_path_factory, junk):
    place = tmp_path_factory.mktemp("junk")
    good = {"format": 2, "suite": "s", "settings": {"confidence": 0.95}}
    Store(place).append(Record("k", "accuracy", {"status": "ok", "claims": []}))
    for about, plan in ((junk, b""), (json.dumps(good).encode(), junk)):
        (place / "run.json").write_bytes(about)
        (place / "plan.jsonl").write_bytes(plan)
        assert len(complaint(lambda place: estibench.load(place).frame, place).splitlines()) <= 1
    complaint(read_plan, place)
    complaint(unpack, junk)


WORDS = st.sampled_from(
    ["name", "problems", "estimators", "draws", "min", "max", "dim", "matrix", "exact", "hutchinson", "probes", "seed"]
)
SCALARS = WORDS | st.integers() | st.floats() | st.booleans() | st.none() | st.text(max_size=8)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=4)
)


@settings(max_examples=100)
@given(keys=st.dictionaries(st.sampled_from(list(SuiteFile.model_fields)), TREES, max_size=4))
def test_any_suite_is_a_plan_or_clear_errors(tmp_path_factory, host, keys):
    """Valid keys with any values: JSON, which is YAML too."""
    suite = {"name": "fuzz", "problems": [{"name": "matrix", "dim": 4}], "estimators": ["exact"]} | keys
    read_or_complain(tmp_path_factory, host, json.dumps(suite).encode())


@settings(max_examples=100)
@given(place=st.integers(0, 10_000), cut=st.integers(0, 30), junk=st.binary(max_size=20) | st.text(max_size=20))
def test_any_damage_to_a_suite_is_a_plan_or_clear_errors(tmp_path_factory, host, place, cut, junk):
    text = (Path(__file__).parents[2] / "suites" / "xtrace_fig1.yaml").read_bytes()
    place %= len(text)
    junk = junk.encode() if isinstance(junk, str) else junk
    read_or_complain(tmp_path_factory, host, text[:place] + junk + text[place + cut :])


def complaint(call, argument):
    """The words of the `UserError` that a call raises, if any."""
    try:
        call(argument)
    except UserError as error:
        return str(error)
    return ""


def read_or_complain(tmp_path_factory, host, text):
    path = tmp_path_factory.mktemp("fuzz") / "suite.yaml"
    path.write_bytes(text)
    lines = complaint(lambda path: read_suite(path, host), path).splitlines()
    assert all(line.startswith(str(path)) for line in lines), lines


def test_a_suite_cannot_name_a_plugin_file(tmp_path):
    """Running a stranger's YAML must not run a stranger's code."""
    (tmp_path / "evil.py").write_text("import os; os.mkdir('exploded')")
    (tmp_path / "s.yaml").write_text("name: s\nplugins: [evil.py]\nproblems: [matrix]\nestimators: [exact]\n")
    with pytest.raises(UserError, match="plugins: unknown key"):
        read_suite(tmp_path / "s.yaml", plugin_host.current())
