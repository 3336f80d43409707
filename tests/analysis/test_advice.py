"""Which estimator is recommended, on what evidence, and within which limits."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from estibench.analysis.advice import WORST, Question, Source, advise


def row(estimator: str, mse: float, work: float, dim: int | None = 64, kind: str = "p", **more: Any) -> dict[str, Any]:
    problem = kind if dim is None else f"{kind}(dim={dim})"
    names = {"task": "trace", "problem": problem, "problem_name": kind, "estimator": estimator, "status": "ok"}
    where = {"device": "cpu", "dtype": "float32", "family": estimator.partition("(")[0], "problem_dim": dim}
    bounds = {"mse": mse, "mse_low": mse / 1.1, "mse_high": mse * 1.1, "rmse": mse**0.5, "rounding": 1e-6, "draws": 500}
    return {**names, **where, **bounds, "work": work, "time": work * 1e-3, "mse_work": mse * work, **more}


def biased(estimator: str, bias: float, variance: float, work: float, **more: Any) -> dict[str, Any]:
    """A cell with a squared bias, known to 1 %."""
    found = {"bias_squared": bias, "bias_squared_low": 0.99 * bias, "bias_squared_high": 1.01 * bias}
    spread = {"variance": variance, "variance_low": 0.99 * variance, "variance_high": 1.01 * variance}
    return row(estimator, bias + variance, work, **found | spread | more)


def source(*rows: dict[str, Any], name: str = "run") -> Source:
    return Source(name, pd.DataFrame(rows), 0.95, {})


def ask(*rows: dict[str, Any], **question: Any) -> Any:
    return advise([source(*rows)], Question("trace", **question))


def test_one_problem() -> None:
    advice = ask(row("a(k=9)", 1.0, 9), row("a(k=99)", 0.1, 99), row("b", 4.0, 8), budget=10)
    (evidence,) = advice.evidence
    assert evidence.winner["estimator"] == "a(k=9)"
    assert evidence.second["estimator"] == "b"
    assert evidence.ratio.ratio == pytest.approx(
        math.sqrt(4.0 * 8 / (1.0 * 9))
    )  # of RMSEs of averages of 10/8 and 10/9
    assert evidence.error.value == pytest.approx(math.sqrt(9 / 10))
    assert evidence.beyond_doubt
    best = advice.candidates[0]
    assert (best.family, best.estimators, best.best, best.beyond_doubt, best.typical) == ("a", ("a(k=9)",), 1, 1, 1.0)
    assert advice.candidates[1].typical == pytest.approx(math.sqrt(32 / 9))


def test_the_estimator_that_is_nowhere_far_off_beats_the_one_that_is_often_best() -> None:
    rows = []
    for at in range(3):
        rows += [row("brittle", 1.0, 1, kind=f"easy{at}"), row("steady", 1.44, 1, kind=f"easy{at}")]
    rows += [row("brittle", 1e4, 1, kind="hard"), row("steady", 1.0, 1, kind="hard")]
    advice = ask(*rows, budget=1)
    steady, brittle = advice.candidates
    assert (steady.family, steady.best, brittle.best) == ("steady", 1, 3)
    assert steady.typical == pytest.approx(1.2 ** (3 / 4))
    assert brittle.typical == pytest.approx(WORST ** (1 / 4))


def test_no_result_counts_as_the_worst_and_ties_are_told() -> None:
    rows = [row("a", 1.0, 1), row("b", 1.01, 1), row("b", 2.0, 1, kind="q"), row("a", 0.5, 99, kind="q")]
    a, b = sorted(ask(*rows, budget=5).candidates, key=lambda one: one.family)
    assert (a.solved, a.typical, b.tied) == (1, pytest.approx(WORST**0.5), 1)
    assert b.best == 1


def test_dimensions_on_both_sides_count_and_costs_are_read_off_between_them() -> None:
    rows = [row("exact", 0.0, dim, dim, stopped="deterministic") for dim in (16, 64, 256, 1024)]
    rows += [row("a", 1.0, 10, dim) for dim in (16, 64, 256, 1024)]
    advice = ask(*rows, dim=128, budget=100)
    assert [one.dim for one in advice.evidence] == [64, 256]
    assert all(one.within for one in advice.evidence)
    assert {one.winner["estimator"] for one in advice.evidence} == {"a"}  # exact would spend 128, beyond the budget
    affordable = ask(*rows, dim=128, budget=129)
    assert {one.winner["estimator"] for one in affordable.evidence} == {"exact"}
    assert [one.cost for one in affordable.evidence] == pytest.approx([128, 128])
    beyond = ask(*rows, dim=2048, budget=2000)
    (only,) = beyond.evidence
    assert (only.dim, only.within, only.winner["estimator"]) == (1024, False, "a")


def test_problems_of_far_dimensions_step_aside_unless_there_are_no_others() -> None:
    rows = [row("a", 1.0, 1, 64), row("a", 1.0, 1, 4, kind="small"), row("a", 1.0, 1, None, kind="flat")]
    advice = ask(*rows, dim=100)
    assert [one.problem for one in advice.evidence] == ["p(dim=64)"]
    assert set(advice.aside) == {"flat: has no parameter dim", "small(dim=4): no nearer dimension was measured"}
    far = ask(*rows, dim=10_000)
    assert [(one.problem, one.within) for one in far.evidence] == [("p(dim=64)", False)]


def test_tasks_without_dimensions_answer_all_the_same() -> None:
    rows = [row("a", 1.0, 1, None), row("b", 9.0, 1, None)]
    advice = ask(*rows, dim=100, budget=1)
    assert advice.question.dim is None
    assert advice.candidates[0].family == "a"
    bare = [{name: value for name, value in one.items() if name != "problem_dim"} for one in rows]
    assert ask(*bare, dim=100, budget=1).candidates[0].family == "a"


def test_without_a_budget_the_most_efficient_wins_and_time_may_be_the_measure() -> None:
    rows = [row("a(k=1)", 1.0, 1, mse_time=9.0), row("b(k=9)", 0.5, 9, mse_time=1.0)]
    assert ask(*rows).evidence[0].winner["estimator"] == "a(k=1)"
    by_time = ask(*rows, by="time")
    assert by_time.evidence[0].winner["estimator"] == "b(k=9)"
    assert ask(*rows, budget=0.002, by="time").evidence[0].winner["estimator"] == "a(k=1)"
    assert ask(*rows, budget=0.5).evidence == ()


def test_biased_estimators_are_marked_unless_a_claim_to_be_unbiased_stands() -> None:
    claim = {"claim": "unbiased if the density has no edge", "verdict": "supported"}
    rows = [
        biased("a", 0.25, 0.75, 1),
        biased("fair", 0.1, 3.9, 1, bias_squared_low=-0.1),
        biased("lucky", 0.25, 8.75, 1),
    ]
    rows[2]["claims"] = [claim]
    shares = {one.family: (one.biased, one.bias_share) for one in ask(*rows, budget=1).candidates}
    assert shares == {"a": (1, 0.5), "fair": (0, 0.0), "lucky": (0, 0.0)}
    at_four = {one.family: one.bias_share for one in ask(*rows, budget=4).candidates}
    assert at_four["a"] == pytest.approx(math.sqrt(0.25 / (0.25 + 0.75 / 4)))
    rows[2]["claims"] = [claim | {"verdict": "refuted"}]
    rows[2]["claims_refuted"] = 1
    lucky = next(one for one in ask(*rows, budget=1).candidates if one.family == "lucky")
    assert (lucky.biased, lucky.refuted) == (1, 1)


def test_the_budget_decides_between_a_small_bias_and_a_large_variance() -> None:
    """e = 0.01 + 1/B against 10/B: they meet at B = 9/0.01 = 900."""
    rows = [biased("biased", 0.01, 1.0, 1), row("fair", 10.0, 1)]
    winners = {budget: ask(*rows, budget=budget).evidence[0].winner["estimator"] for budget in (1, 800, 1000)}
    assert winners == {1: "biased", 800: "biased", 1000: "fair"}


def test_without_a_budget_the_biased_are_set_aside_with_the_budgets_below_which_they_are_better() -> None:
    rows = [biased("biased", 0.01, 1.0, 1), row("fair", 10.0, 1), biased("biased", 0.1, 99.0, 1, kind="q")]
    rows += [row("fair", 10.0, 1, kind="q"), biased("biased", 0.001, 1.0, 1, kind="r", bias_squared_low=-0.1)]
    rows += [row("fair", 10.0, 1, kind="r")]
    advice = ask(*rows)
    assert [one.winner["estimator"] for one in advice.evidence] == [
        "fair"
    ] * 3  # on r its bias does not show: it is there
    (aside,) = advice.biased
    assert (aside.family, aside.problems, aside.ahead) == ("biased", 3, pytest.approx((900, 9000)))
    assert ask(*rows, budget=1).biased == ()
    nobody = ask(biased("biased", 0.01, 1.0, 1), row("exact", 0.0, 64, stopped="deterministic"))
    assert (nobody.evidence, [one.family for one in nobody.biased]) == ((), ["biased"])


def test_the_exact_answer_competes_without_a_budget_where_it_costs_no_more_than_the_best() -> None:
    rows = [row("a", 1.0, 30), row("exact", 0.0, 16, stopped="deterministic")]
    assert ask(*rows).evidence[0].winner["estimator"] == "exact"
    rows[1] = row("exact", 0.0, 31, stopped="deterministic")
    assert ask(*rows).evidence[0].winner["estimator"] == "a"
    assert ask(*rows, budget=30).evidence[0].winner["estimator"] == "a"
    assert ask(*rows, budget=31).evidence[0].winner["estimator"] == "exact"


def test_devices_dtypes_tasks_and_failures_are_kept_apart() -> None:
    rows = [row("a", 1.0, 1), row("a", 4.0, 1, dtype="float64"), row("b", 2.0, 1, dtype="float64")]
    rows += [row("c", 0.1, 1, status="failed"), row("c", 0.1, 1, task="flow")]
    advice = ask(*rows, budget=1)
    assert [(one.dtype, one.winner["estimator"]) for one in advice.evidence] == [("float32", "a"), ("float64", "b")]
    assert [one.dtype for one in ask(*rows, budget=1, dtype="float64").evidence] == ["float64"]
    assert ask(*rows, budget=1, device="cuda").evidence == ()


def test_significance_is_corrected_over_the_problems() -> None:
    wide = math.exp(1.96 * 0.1)
    rows = []
    for at in range(10):
        bounds = {"mse_low": 1 / wide, "mse_high": wide}
        other = {"mse_low": 1.4 / wide, "mse_high": 1.4 * wide}
        rows += [row("a", 1.0, 1, kind=f"p{at}", **bounds), row("b", 1.4, 1, kind=f"p{at}", **other)]
    single, many = ask(*rows[:2], budget=1), ask(*rows, budget=1)
    assert single.evidence[0].beyond_doubt
    assert many.evidence[0].p_value == pytest.approx(10 * single.evidence[0].p_value)
    assert not many.evidence[0].beyond_doubt


def test_several_runs_answer_together() -> None:
    one = source(row("a", 1.0, 1), row("b", 9.0, 1), name="one")
    two = source(row("b", 1.0, 1, kind="q"), name="two")
    advice = advise([one, two], Question("trace", 1))
    assert [(evidence.source, evidence.problem) for evidence in advice.evidence] == [
        ("one", "p(dim=64)"),
        ("two", "q(dim=64)"),
    ]
