"""`bench plugin check` as a user sees it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from estibench.cli import bench
from estibench.host import plugins as plugin_host

ZOO = str(Path(__file__).parent / "zoo.py")
FAST = ["--draws=64", "--seconds=0.05"]


@pytest.fixture(autouse=True)
def restored():
    """The command starts hosts of its own; other tests go on with theirs."""
    before = plugin_host.current()
    yield
    plugin_host._current = before


def check(*arguments):
    return CliRunner().invoke(bench, ["plugin", "check", *arguments])


def test_what_conforms_ends_with_0_and_one_line():
    done = check("xtrace", *FAST)
    assert done.exit_code == 0, done.output
    (line,) = done.output.splitlines()
    assert "checks: " in line
    assert "failed" not in line
    listed = check("narrow_error_bar", "--all", "--draws=512").output
    assert "passed  narrow_error_bar: cites_source" in listed
    assert "skipped  narrow_error_bar on " in listed
    assert ": works_on_accelerator" in listed


def test_a_file_that_does_not_conform_ends_with_1_and_says_what_to_do():
    done = check(ZOO, *FAST)
    assert done.exit_code == 1
    lines = done.output.splitlines()
    start = lines.index("failed  halfsilent: documented")
    assert [line.strip().partition(":")[0] for line in lines[start + 1 : start + 4]] == [
        "found",
        "expected",
        "what to do",
    ]


def test_json_has_every_outcome():
    done = check("narrow_error_bar", "--json", "--draws=512")
    assert done.exit_code == 0, done.output
    outcomes = json.loads(done.output)
    assert {one["status"] for one in outcomes} == {"passed", "skipped", "expected failure"}
    (claims,) = [one for one in outcomes if one["check"] == "claims"]
    assert claims["detail"].startswith("wrong on purpose")


def test_an_expected_failure_that_passes_ends_with_1(monkeypatch):
    from estibench_trace.xtrace import XTrace

    monkeypatch.setattr(XTrace, "expected_failures", {"cites_source": "nobody wrote it"})
    done = check("xtrace", *FAST)
    assert done.exit_code == 1
    assert "unexpected pass  xtrace: cites_source" in done.output
    assert "take it out of the expected failures" in done.output
