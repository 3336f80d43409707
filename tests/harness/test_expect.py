"""`expect`: what a suite says of cells that cannot be measured, and that a surprise in either direction fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import estibench
from estibench.errors import UserError
from estibench.exports.answer import answer_lines
from estibench.exports.comparison import comparisons
from estibench.exports.findings import headline, misses
from estibench.results import Results
from estibench.suite import read_suite

SUITE = """
name: small
problems:
  - {name: matrix, dim: [8, 16], spectrum: [flat, exp]}
  - {name: score_jacobian, dim: 4, density: [funnel, student_t]}
estimators:
  - exact
  - {name: hutchinson, probes: [1, 4]}
expect:
"""


def chosen(host: Any, suite_file: Any, entry: str) -> set[tuple[str, str]]:
    plan = read_suite(suite_file(SUITE + f"  - {{status: failed, why: because, {entry}}}\n"), host)
    cells = {cell.identity: cell for block in plan.blocks for cell in block.cells}
    return {(cells[one].problem.label, cells[one].estimator.label) for one in plan.expected}


@pytest.mark.parametrize(
    ("entry", "number"),
    [
        ("estimator: exact", 6),
        ("estimator: {name: hutchinson, probes: 4}", 6),
        ("estimator: {name: hutchinson, probes: [1, 4]}", 12),
        ("problem: matrix", 12),
        ("problem: {name: matrix, dim: 8, spectrum: [flat]}, estimator: exact", 1),
        ("problem: {name: score_jacobian, density: funnel}", 3),
        ("problem: {name: score_jacobian, density: [funnel, student_t]}", 6),
        ("problem: {name: score_jacobian, density: {name: funnel}}, estimator: exact", 1),
        ("dtype: float32", 18),
    ],
)
def test_entries_select_like_baseline_and_lists_are_any_of_them(
    host: Any, suite_file: Any, entry: str, number: int
) -> None:
    assert len(chosen(host, suite_file, entry)) == number


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{status: failed, why: w, problem: matrx}", "10:30: expect[0].problem: no problem of this suite is called"),
        (
            "{status: failed, why: w, estimator: {name: exact, probs: 1}}",
            "10:55: expect[0].estimator.probs: unknown key",
        ),
        ("{status: failed, why: w, estimator: {probes: 1}}", "10:30: expect[0].estimator: expected a name of the"),
        ("{status: failed, why: w, problem: {name: matrix, dim: 9}}", "10:5: expect[0]: no cell of this suite fits"),
        ("{status: failed, why: w, dtype: float16}", "10:5: expect[0]: no cell of this suite fits"),
        ("{status: ok, why: w}", "10:6: expect[0].status: input should be 'not_finite', 'failed'"),
        ("{status: failed}", "10:5: expect[0]: the key 'why' is missing"),
        (
            "{status: failed, why: w, estmator: exact}",
            "10:30: expect[0].estmator: unknown key; did you mean 'estimator'?",
        ),
    ],
)
def test_mistakes_have_their_place(host: Any, suite_file: Any, entry: str, message: str) -> None:
    path = suite_file(SUITE + f"  - {entry}\n")
    with pytest.raises(UserError) as caught:
        read_suite(path, host)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{path}:{message}")


def test_two_entries_may_not_speak_of_one_cell(host: Any, suite_file: Any) -> None:
    both = "  - {status: failed, why: w, estimator: exact}\n  - {status: timeout, why: w, problem: matrix}\n"
    with pytest.raises(UserError, match=r"expect\[1\]: exact on matrix.* is in expect\[0\] already"):
        read_suite(suite_file(SUITE + both), host)


def row(status: str, expected: str = "", reason: str = "") -> dict[str, Any]:
    names = {"problem": "p", "problem_name": "p", "estimator": "e", "estimator_name": "e", "family": "e", "task": "t"}
    wanted = {"expected": expected, "expected_why": "theory says so"} if expected else {}
    place = {"device": "cpu", "dtype": "float32", "claims": []}
    return {**names, **place, "status": status, "reason": reason, **wanted}


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([row("ok"), row("unsupported")], 0),
        ([row("not_finite")], 1),
        ([row("not_finite", "not_finite")], 0),
        ([row("failed", "not_finite")], 1),
        ([row("ok", "not_finite")], 1),
        ([row("unsupported", "not_finite")], 0),
        ([row("not_finite", "not_finite"), row("failed")], 1),
        ([row("bad_problem", "failed")], 2),
    ],
)
def test_a_surprise_in_either_direction_fails(rows: list[dict[str, Any]], code: int) -> None:
    assert Results(Path(), {"devices_auto": True}, rows).exit_code == code
    frame = Results(Path(), {"devices_auto": True}, rows).frame  # as read from a table, where nothing is NaN
    assert Results(Path(), {"devices_auto": True}, frame.to_dict("records")).exit_code == code


def test_what_is_expected_is_called_so_and_a_surprise_too() -> None:
    rows = [row("not_finite", "not_finite", "all draws"), row("ok", "timeout"), row("failed", "timeout", "broke")]
    results = Results(Path(), {}, [{**one, "problem": f"p{at}"} for at, one in enumerate(rows)])
    assert headline(results).startswith(
        "1 of 3 cells measured, 1 failed, 1 not finite as expected, 1 ok against expectation."
    )
    wrong, fine = [miss for miss in misses(results) if miss.wrong], [miss for miss in misses(results) if not miss.wrong]
    assert [(miss.status, miss.reason) for miss in fine] == [("not finite as expected", "theory says so")]
    assert {miss.status: miss.reason for miss in wrong} == {
        "ok against expectation": "expected to be timeout, for theory says so",
        "failed": "expected to be timeout, for theory says so; broke",
    }
    said = [line.text for line in answer_lines(results)]
    assert "Not finite as expected: 1 cell (e on 1 problem): theory says so" in said
    (table, _) = comparisons(results)
    assert [entries[0].text for _, entries in table.sections[0].grid.rows] == [
        "not finite, as expected",
        "n/a",
        "✗ failed",
    ]


RUN = """
name: explodes
draws: {min: 2, max: 2}
timing: {rounds: 0}
dtypes: [float64]
problems: [{name: langevin_evolution, dim: 1, density: {name: double_well, a: 1.5, h: 2.0}, times: [1.0], points: 4}]
estimators: [{name: feynman_kac, particles: 4, steps: 16}, {name: finite_volume, cells: 10, steps: 4}]
expect: [{status: not_finite, why: it explodes, estimator: NAME}]
"""


@pytest.mark.parametrize(("name", "code"), [("feynman_kac", 0), ("finite_volume", 1)])
def test_a_run_is_green_when_all_ends_as_expected(suite_file: Any, tmp_path: Path, name: str, code: int) -> None:
    """And a changed expectation measures nothing again."""
    suite = suite_file(RUN.replace("NAME", name))
    results = estibench.run(suite, directory=tmp_path / "run", engine="serial")
    frame = results.frame.set_index("estimator_name")
    assert frame["status"].to_dict() == {"feynman_kac": "not_finite", "finite_volume": "ok"}
    assert frame.loc[name, "expected"] == "not_finite"
    assert frame.loc[name, "expected_why"] == "it explodes"
    assert results.exit_code == code
    stored = (tmp_path / "run" / "cells.jsonl").read_bytes()
    other = suite_file(RUN.replace("NAME", "feynman_kac"))
    assert estibench.run(other, directory=tmp_path / "run", engine="serial").exit_code == 0
    assert (tmp_path / "run" / "cells.jsonl").read_bytes() == stored
