"""The sentences of a run: each follows from the table, with its interval, and says when nothing is told apart."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from estibench.exports.answer import (
    MOST_LINES,
    Line,
    answer_lines,
    contests_in_words,
    fitted,
    grouped,
    print_answer,
    wrapped,
)
from estibench.results import Results
from estibench.results.run_directory import once

PUBLISHED = Path(__file__).parents[2] / "results" / "published"


def row(estimator: str, mse: float, work: float, time: float = 1.0, problem: str = "p", **more: Any) -> dict[str, Any]:
    """A cell whose MSE is known to 10 % either way, with times that are exact."""
    family = estimator.partition("(")[0]
    names = {"task": "trace", "problem_name": "p", "estimator_name": family, "family": family, "reason": ""}
    labels = {"problem": problem, "estimator": estimator, "device": "cpu", "dtype": "float32", "status": "ok"}
    found = {"work": work, "cost_matvec": work, "time": time, "time_low": time, "time_high": time, "draws": 500}
    for column, cost in (("mse", 1.0), ("mse_work", work), ("mse_time", time)):
        found |= {column: mse * cost, f"{column}_low": mse * cost / 1.1, f"{column}_high": mse * cost * 1.1}
    return names | labels | found | {"rmse": mse**0.5, "rounding": 1e-6, "claims": [], "time_rounds": 11} | more


def exact(work: float, time: float, problem: str = "p") -> dict[str, Any]:
    return row("exact", 0.0, work, time, problem, stopped="deterministic")


def told(*rows: dict[str, Any], **about: Any) -> list[str]:
    return [line.text for line in answer_lines(Results(Path("r"), about, list(rows)))]


def test_who_wins_and_by_how_much() -> None:
    """MSE × time 1 against 4: the ratio's interval is exp(log 4 ± √2 log 1.1) = [3.5, 4.6]."""
    lines = told(row("a(k=2)", 1.0, 4), row("b", 4.0, 1))
    low, high = (4 * math.exp(sign * math.sqrt(2) * math.log(1.1)) for sign in (-1, 1))
    assert lines == [
        "2 of 2 cells measured. Claims: none made.",
        "trace, 1 problem, by MSE × time:",
        f"a(k=2) wins 1 (p): 4 [{low:.3g}, {high:.3g}] times less than the next kind",
        "by MSE × matvecs: not told apart on 1",
    ]


def test_not_told_apart_is_said_with_the_two_that_are_not() -> None:
    lines = told(row("a", 1.0, 1), row("b", 1.01, 1), row("c", 9.0, 1))
    assert lines[2].startswith("not told apart on 1 (p); a from b, 1.01 [0.8")


def test_the_exact_method_is_the_better_choice_where_it_costs_no_more() -> None:
    rows = [row("a", 1.0, 10, 5.0), exact(10, 5.0), row("a", 1.0, 10, 5.0, "q"), exact(11, 6.0, "q")]
    assert told(*rows)[2:4] == [
        "exact is the better choice on 1 (p), at no more cost",
        "no other kind to compare with on 1 (q): a",
    ]


def test_rounding_and_exactness() -> None:
    flat = {"stopped": "rounding"}
    rows = [row("a", 1e-15, 1, 1.0, "p", **flat), row("b", 1e-15, 1, 2.0, "p", **flat)]
    rows += [row("a", 1e-15, 1, 1.0, "q", **flat), row("b", 1.0, 1, 1.0, "q")]
    assert told(*rows)[2:4] == [
        "a wins 1 (q): exact to rounding",
        "exact to rounding on 1 (p), at the least cost a",
    ]


def test_the_ends_of_several_victories_are_told() -> None:
    rows = [row("a", 1.0, 1), row("b", 4.0, 1), row("a", 1.0, 1, problem="q"), row("b", 900.0, 1, problem="q")]
    assert told(*rows)[2] == "a wins 2 (p, q): 4 [3.5, 4.58] to 900 [787, 1,030] times less than the next kind"


def biased(estimator: str, bias: float, variance: float, problem: str = "p") -> dict[str, Any]:
    known = {"bias_squared": bias, "bias_squared_low": 0.99 * bias, "bias_squared_high": 1.01 * bias}
    spread = {"variance": variance, "variance_low": 0.99 * variance, "variance_high": 1.01 * variance}
    return row(estimator, bias + variance, 1, problem=problem, **known, **spread)


def test_biased_ones_are_set_aside_and_what_helps_is_named() -> None:
    lines = told(biased("soft", 0.01, 1.0), row("a", 9.0, 1), row("b", 90.0, 1))
    assert lines[2].startswith("a wins 1 (p)")
    assert (
        lines[3] == "set aside, for averaging does not remove a bias: soft; what errs least at a budget: "
        "bench recommend trace --by time --budget B"
    )


def test_where_all_are_biased_a_budget_decides() -> None:
    """At 16 units of time, the middle of the ladder: √(0.01 + 1/16) against √(1 + 1/16), 3.83 times as much."""
    lines = told(biased("soft", 0.01, 1.0), biased("hard", 1.0, 1.0))
    assert lines[1] == "trace, 1 problem, by error at 20 s:"  # rounded up to 1, 2 or 5
    ratio = math.sqrt((1 + 1 / 20) / (0.01 + 1 / 20))
    assert lines[2].startswith(f"soft wins 1 (p): {ratio:.3g} [")


def test_what_is_wrong_stands_below_and_stays_when_there_is_no_room() -> None:
    refuted = {"claim": "unbiased", "verdict": "refuted", "measured": 2.0, "claimed": 0.0, "p_value": 0.0}
    refuted |= {"noncentrality": math.inf, "numerator": 1.0, "denominator": math.inf}
    rows = [row("a", 1.0, 1, claims=[refuted] * 3), row("b", 4.0, 1, problem="q", status="timeout", reason="slow")]
    results = Results(Path("r"), {}, rows)
    lines = answer_lines(results)
    said = [line.text for line in lines]
    assert sum(line.startswith("Refuted: a on p: “unbiased”: measured 2, claimed 0") for line in said) == 2
    assert said[-2:] == ["Refuted: 1 more claim.", "Timeout: 1 cell (b on 1 problem): slow"]
    few = [line.text for line in fitted(lines, 80, 5)]
    assert few[0] == said[0]
    assert len([line for line in few if line.startswith("Refuted")]) == 3


@pytest.mark.parametrize("run", ["trace", "discrete", "langevin", "log_density", "fokker_planck"])
def test_published_runs_fit_a_screen(run: str) -> None:
    whole = answer_lines(Results.read(PUBLISHED / run))
    for width in (80, 120):
        lines = fitted(whole, width, MOST_LINES - 3)
        shown = [text for line in lines for text in wrapped(line, width)]
        assert len(shown) <= MOST_LINES - 3
        assert any(line.depth for line in lines)
        words = {word for line in lines for word in line.text.split()}
        assert {word for text in shown for word in text.split()} - {"-"} <= words  # no word is broken


def test_lines_that_do_not_fit_go_by_weight() -> None:
    lines = [Line("head"), Line("task:"), Line("best", 1, 1), Line("least", 1, 9), Line("second", 1, 2), Line("end")]
    assert [line.text for line in fitted(lines, 80, 4)] == ["head", "task:", "best", "end"]
    assert [line.text for line in fitted(lines, 80, 1)] == ["head", "task:", "end"]  # what has no weight stays
    assert grouped(lines)[1] == ("task:", ["best", "least", "second"])


def test_terminal_takes_nothing_for_markup_and_breaks_no_word() -> None:
    screen = Console(file=io.StringIO(), width=40)
    print_answer(
        [Line("trace, by [red]error[/red]:"), Line("reinforce(baseline=leave_one_out, samples=16)", 1)], screen
    )
    text = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "[red]error[/red]" in text
    assert "reinforce(baseline=leave_one_out,\n" in text


def test_runs_with_little_in_them() -> None:
    assert told() == ["The run has no cells."]
    assert told(row("a", 1.0, 1, status="failed", reason="why"))[1:] == ["Failed: 1 cell (a on 1 problem): why"]
    bare = {name: value for name, value in row("a", 1.0, 1).items() if name not in ("time", "work")}
    assert told(bare)[1] == "trace: no estimator has both an error and a cost to be compared by."
    assert list(contests_in_words([], {}, None)) == []


def test_what_asks_nothing_of_the_problem_is_the_floor_and_wins_nothing() -> None:
    rows = [row("perfect", 1.0, 0.0, problem=problem) for problem in ("easy", "hard")]
    rows += [row("good", mse, 10.0, problem=problem) for problem, mse in (("easy", 1.02), ("hard", 9.0))]
    rows += [row("bad", 100.0, 10.0, problem=problem) for problem in ("easy", "hard")]
    text = "\n".join(line.text for line in answer_lines(Results(Path("run"), {}, rows)))
    assert "good wins 2 (easy, hard)" in text
    assert "not told apart from perfect, the floor, on 1 of 2 (easy)" in text


@pytest.mark.parametrize(("rounds", "said"), [(3, True), (6, False)])
def test_too_few_rounds_for_an_interval_are_told(rounds: int, said: bool) -> None:
    bounds = {} if rounds == 6 else {"time_low": -math.inf, "time_high": math.inf}
    rows = [row(name, mse, 10.0, time_rounds=rounds, **bounds) for name, mse in (("good", 1.0), ("bad", 9.0))]
    lines = [line.text for line in answer_lines(Results(Path("run"), {}, rows))]
    told = "Times of 3 rounds have no interval, and by them nothing is told apart: timing.rounds: 6."
    assert (told in lines) == said


def test_what_several_exporters_ask_is_computed_once_for_a_run() -> None:
    asked = []

    @once
    def directory(results: Results) -> Path:
        asked.append(results)
        return results.directory

    one, other = Results(Path("one"), {}, []), Results(Path("other"), {}, [])
    assert [directory(one), directory(other), directory(one)] == [Path("one"), Path("other"), Path("one")]
    assert len(asked) == 2
