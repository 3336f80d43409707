"""Who wins which contest, and that the summary says what went wrong."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

from rich.console import Console

from estibench.exports.contests import contested_classes
from estibench.exports.findings import Miss, headline, misses
from estibench.exports.summary import notes, print_evidence, summary_markdown, summary_tables
from estibench.results import Results


def row(
    estimator: str, mse: float, work: float, time: float = 1.0, problem: str = "matrix(dim=4)", **more: Any
) -> dict[str, Any]:
    family = estimator.partition("(")[0]
    names = {"problem_name": problem.partition("(")[0], "estimator_name": family, "reason": "", "status": "ok"}
    labels = {"problem": problem, "estimator": estimator, "family": family, "device": "cpu", "dtype": "float32"}
    measured = {"mse": mse, "mse_low": 0.9 * mse, "mse_high": 1.1 * mse, "work": work, "cost_matvec": work}
    times = {"time": time, "time_low": time, "time_high": time}
    return {**names, **labels, "task": "trace", **measured, **times, "claims": [], **more}


def failed(estimator: str, status: str, reason: str, problem: str = "matrix(dim=4)") -> dict[str, Any]:
    names = {"problem_name": "matrix", "estimator_name": estimator, "task": "trace", "status": status, "reason": reason}
    return {
        **names,
        "problem": problem,
        "estimator": estimator,
        "family": estimator,
        "device": "cpu",
        "dtype": "float32",
    }


FREEDOM = {"numerator": 1.0, "denominator": math.inf}


def claim(measured: float, p_value: float, decisive: bool = True) -> dict[str, Any]:
    interval = {"measured": measured, "low": 0.9 * measured, "high": 1.1 * measured}
    shift = math.inf if decisive else 0.0
    return {"claim": "unbiased", "p_value": p_value, **interval, "claimed": 0.0, "noncentrality": shift, **FREEDOM}


def run(*rows: dict[str, Any]) -> Results:
    return Results(Path(), {}, list(rows))


def tables(*rows: dict[str, Any]) -> dict[str, tuple[tuple[str, ...], ...]]:
    return {table.title: table.rows for table in summary_tables(run(*rows))}


EFFICIENT = "Most efficient (trace)"
EQUAL = "Most accurate at equal work (trace, work in matvecs)"


def test_winner_at_equal_work_is_the_lowest_error_of_its_class() -> None:
    rows = [row("a(k=1)", 8.0, 10), row("b(k=1)", 4.0, 12), row("a(k=2)", 1.0, 30), row("b(k=2)", 2.0, 30)]
    (table,) = (table for table in summary_tables(run(*rows)) if table.title == EQUAL)
    assert table.header == ("problem", "work 10–12", "work 30")
    assert table.rows == (("matrix(dim=4)", "b", "a"),)


def test_tie_is_marked_and_the_exact_answer_competes_where_it_costs_no_more() -> None:
    rows = [row("a", 1.0, 10), row("b", 1.1, 10), row("exact", 1e-20, 11, stopped="deterministic")]
    assert tables(*rows)[EQUAL] == (("matrix(dim=4)", "a †"),)
    rows[2] = row("exact", 1e-20, 10, stopped="deterministic")
    assert tables(*rows)[EQUAL] == (("matrix(dim=4)", "exact"),)


def test_a_winner_without_bounds_is_not_told_apart() -> None:
    """Rare events leave no honest bounds: nothing is then beyond doubt."""
    rows = [row("a", 1.0, 10, mse_low=math.nan, mse_high=math.nan), row("b", 100.0, 10)]
    assert tables(*rows)[EQUAL] == (("matrix(dim=4)", "a †"),)
    assert tables(*rows)[EFFICIENT][0][1:3] == ("a †", "a †")


def test_winners_whose_claims_were_refuted_are_marked() -> None:
    rows = [row("a", 1.0, 10, claims=[claim(2.0, 1e-9)]), row("b", 9.0, 10)]
    found = tables(*rows)
    assert found[EQUAL] == (("matrix(dim=4)", "a ✗"),)
    assert found[EFFICIENT][0][1:3] == ("a ✗", "a ✗")
    assert [line[0] for line in found[STANDINGS]] == ["a ✗", "b"]


def test_classes_of_work() -> None:
    rows = [row(f"{name}(k={k})", 1.0, k) for name in ("a", "b") for k in (1, 10, 14, 16, 100)]
    cells = run(*rows, row("c", 1.0, 50)).frame.assign(block="x")
    assert contested_classes(cells) == [[1.0], [10.0, 14.0], [16.0], [100.0]]  # nobody competes at 50


def test_most_efficient_by_work_and_by_time() -> None:
    rows = [row("a", 2.0, 10, 5.0), row("b", 1.0, 30, 1.0), row("exact", 0.0, 256, 2.0, stopped="deterministic")]
    assert tables(*rows)[EFFICIENT] == (("matrix(dim=4)", "a", "b", "256, 2 s"),)
    dear = [row("a", 2.0, 30, 5.0), row("exact", 0.0, 16, 6.0, stopped="deterministic")]
    assert tables(*dear)[EFFICIENT] == (("matrix(dim=4)", "exact", "a", "16, 6 s"),)


def test_rounding_wins_by_its_cost_not_by_its_size() -> None:
    rows = [
        row("a", 1e-18, 90, 2.0, stopped="rounding"),
        row("b", 1e-15, 30, 1.0, stopped="rounding"),
        row("c", 1.0, 1),
    ]
    assert tables(*rows)[EFFICIENT] == (("matrix(dim=4)", "b°", "b°", ""),)


STANDINGS = "Estimators over all problems (trace)"


def test_standings_are_mean_ranks_with_blocks_and_claims() -> None:
    good = [claim(1.0, 0.5)]
    rows = [
        *(row("a", 1.0, 1, 2.0, claims=good), row("b", 2.0, 1, 3.0, claims=[claim(2.0, 1e-9)])),
        *(
            row("a", 3.0, 1, 1.0, problem="q", claims=good),
            row("b", 2.0, 1, 1.0, problem="q", claims=[claim(1.0, 0.5, False)]),
        ),
        *(row("part", 0.1, 1), row("exact", 0.0, 256, stopped="deterministic")),
        *(row(name, 1.0, 1, problem=problem) for problem in "rst" for name in "ab"),
    ]
    (table,) = (table for table in summary_tables(run(*rows)) if table.title == STANDINGS)
    assert table.header == ("estimator", "rank by\nMSE × work", "rank by\nMSE × time", "blocks", "claims")
    assert table.rows == (
        ("a", "1.5 †", "1.5 †", "5", "2 / 0 / 0"),
        ("b ✗", "1.5 †", "1.5 †", "5", "0 / 1 / 1"),
        ("part", "–", "–", "1", "0 / 0 / 0"),
        ("exact", "–", "–", "1", "0 / 0 / 0"),
    )
    size = (
        "k = 2 estimators, N = 5 blocks, critical difference 0.9; Friedman's p = 1 by MSE × work, p = 1 by MSE × time."
    )
    assert size in table.explanation


def test_standings_mark_who_is_not_told_apart_from_the_best() -> None:
    """By work all blocks agree on a, b, c, d: with k = 4 and N = 12 ranks differ by 1.35 or not. By time c leads."""
    quick = {"a": 1.0, "b": 1.0, "c": 1e-4, "d": 1.0}
    rows = [
        row(name, 10.0**at * (1 + 0.1 * number), 1, time, problem=f"p{number}")
        for number in range(12)
        for at, (name, time) in enumerate(quick.items())
    ]
    assert [row[:3] for row in tables(*rows)[STANDINGS]] == [
        ("c", "3.0", "1.0 †"),
        ("a", "1.0 †", "2.0 †"),
        ("b", "2.0 †", "3.0"),
        ("d", "4.0", "4.0"),
    ]


def test_each_task_has_its_own_standings() -> None:
    rows = [
        row(name, 1.0, 1, problem=problem, task=task) for task in ("trace", "flow") for problem in "pq" for name in "ab"
    ]
    titles = [table.title for table in summary_tables(run(*rows))]
    assert titles[-2:] == [STANDINGS, "Estimators over all problems (flow)"]


def test_one_block_gives_no_ranks() -> None:
    (table,) = (table for table in summary_tables(run(row("a", 1.0, 1), row("b", 2.0, 1))) if table.title == STANDINGS)
    assert table.header == ("estimator", "blocks", "claims")
    assert table.explanation.startswith("No ranks: they take")


def test_several_dtypes_are_different_blocks() -> None:
    rows = [row("a", 1.0, 1), row("b", 2.0, 1), row("a", 2.0, 1, dtype="float64"), row("b", 1.0, 1, dtype="float64")]
    assert tables(*rows)[EQUAL] == (("matrix(dim=4) [cpu, float32]", "a"), ("matrix(dim=4) [cpu, float64]", "b"))


def test_refuted_claims_and_reasons_are_told() -> None:
    refuted = [claim(2.0, 1e-9)] * 3
    rows = [
        row("a", 1.0, 1, claims=[*refuted, claim(1.0, 0.5, False)]),
        *(failed("b", "unsupported", "needs symmetry", problem) for problem in ("p", "q")),
        failed("c", "timeout", "took [too] long"),
    ]
    told = "Refuted: a on matrix(dim=4): “unbiased”: measured 2 [1.8, 2.2], claimed 0 (adjusted p = 4e-09)."
    assert notes(run(*rows)) == [
        told,
        "Unsupported: 2 cells (b on 2 problems): needs symmetry",
    ]  # two are in the answer
    assert any(line.startswith("Undecided: a on matrix(dim=4)") for line in notes(run(*rows), everything=True))
    assert misses(run(*rows))[1] == Miss("unsupported", "needs symmetry", 2, "b on 2 problems", wrong=False)
    assert headline(run(*rows)) == (
        "1 of 4 cells measured, 1 timeout, 2 unsupported. Claims: 0 supported, 3 refuted, 1 undecided."
    )


def printed(results: Results, width: int = 100) -> str:
    text = io.StringIO()
    print_evidence(results, Console(file=text, width=width), everything=True)
    return text.getvalue()


def test_terminal_shows_all_of_it_in_100_columns() -> None:
    long = "score_jacobian(density=logistic_posterior, dim=30, batch=16)"
    rows = [row(f"hutchinson(probes={k}0)", 1.0 / k, 10 * k, problem=long) for k in (1, 3, 9)]
    rows += [row(f"xnystrace(matvecs={k}0)", 2.0 / k, 10 * k, problem=long) for k in (1, 3, 9)]
    rows += [
        row("exact", 0.0, 256, problem=long, stopped="deterministic"),
        failed("odd", "unsupported", "[red]why[/nope]"),
    ]
    rows += [row("[bold]odd", 9.0, 10, problem=long)]
    text = printed(run(*rows))
    assert "[bold]odd" in text
    assert all(len(line) <= 100 for line in text.splitlines())
    assert "hutchinson(probes=90)" in text  # not cut, not folded
    assert "\n score_jacobian  " in text  # no more than tells it from the other


def test_markdown_says_the_same() -> None:
    rows = [row("a|x", 1.0, 10), row("b", 4.0, 10), failed("c", "failed", "a <b> c")]
    text = summary_markdown(run(*rows))
    assert "| matrix(dim=4) | a\\|x |" in text
    assert "\nFailed: 1 cell (c on 1 problem): a \\<b> c\n" in text
    assert text.startswith(
        "2 of 3 cells measured, 1 failed. Claims: none made.\n\ntrace, 1 problem, by MSE × time:\n\n- a\\|x wins 1"
    )


def test_runs_with_little_in_them() -> None:
    assert printed(run()).strip() == ""
    assert summary_tables(run(failed("c", "failed", "why"))) == []
    assert "Failed: 1 cell" in summary_markdown(run(failed("c", "failed", "why")))
    bare = {key: value for key, value in row("a", 1.0, 1).items() if key not in ("mse", "work", "time", "claims")}
    assert [table.title for table in summary_tables(run(bare))] == [STANDINGS]
    odd = row("a", math.nan, math.nan, time=math.nan)
    assert STANDINGS in printed(run(odd, {**row("b", 1.0, 1), "mse": None}))
