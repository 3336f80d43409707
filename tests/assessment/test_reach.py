"""What estimators reach by averaging, and what it costs: against numbers worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from estibench.assessment.reach import candidates, cheapest, within
from estibench.assessment.words import Told, advice

FAIR = [{"claim": "unbiased", "verdict": "supported"}]


def row(name: str, error: float, time: float, work: float, **more: Any) -> dict[str, Any]:
    """An ok row of the table, its interval ± 10 %."""
    found = {
        "estimator": name,
        "estimator_name": name.partition("(")[0],
        "status": "ok",
        "reason": "",
        "rounding": 1e-6,
    }
    sides = {"": error, "_low": 0.9 * error, "_high": 1.1 * error}
    found |= {f"{quantity}{side}": value for quantity in ("rmse", "relative_rmse") for side, value in sides.items()}
    times = {"time": time, "time_low": 0.95 * time, "time_high": 1.05 * time}
    return found | times | {"work": work, "claims": FAIR} | more


TOLD = Told("the exact trace", "matvecs", "field")
EXACT = row("exact", 1e-9, 1.0, 784)


def test_averages_cost_error_over_target_squared() -> None:
    some = candidates([row("hutchinson(probes=16)", 0.6, 0.01, 16)])
    (plan,) = cheapest(some, 0.06, "work")
    assert plan.estimates == 100
    assert plan.cost == pytest.approx(1600)
    assert plan.error == pytest.approx(0.06)
    assert not plan.measured


def test_one_estimate_is_enough_where_its_whole_interval_lies_below() -> None:
    some = candidates([row("a", 0.05, 0.01, 1)])
    assert cheapest(some, 0.056, "time")[0].estimates == 1
    assert cheapest(some, 0.054, "time")[0].estimates == 1 or cheapest(some, 0.054, "time")[0].candidate.high > 0.054


def test_a_biased_estimator_is_never_averaged() -> None:
    biased = row("gumbel_softmax(tau=1)", 0.3, 0.001, 1, claims=[])
    assert cheapest(candidates([biased]), 0.1, "time") == []
    (plan,) = within(candidates([biased]), 1.0, "time")
    assert plan.estimates == 1
    assert plan.error == 0.3


def test_within_a_budget_whole_estimates_are_averaged() -> None:
    some = candidates([row("a", 0.4, 0.01, 7), row("b", 0.3, 0.01, 50)])
    first, second = within(some, 29, "work")[0], within(some, 60, "work")[1]
    assert (first.candidate.label, first.estimates) == ("a", 4)
    assert first.error == pytest.approx(0.2)
    assert second.candidate.label == "b"


def test_an_exact_estimator_gains_nothing_by_averaging() -> None:
    (plan,) = within(candidates([EXACT]), 10_000, "work")
    assert plan.estimates == 1


def test_the_exact_method_wins_where_averages_cost_more() -> None:
    rows = [EXACT, row("hutchinson(probes=16)", 0.6, 0.012, 16)]
    said = advice(rows, TOLD, 0.05, None, "time")
    assert said.startswith("exact: the exact trace in 784 matvecs, 1 s costs less than any noisy way to 5 %.")
    assert "averaged 144 times (2,304 matvecs, 1.73 s)" in said


def test_the_general_answer_names_the_error_the_share_and_the_way_to_five_percent() -> None:
    rows = [EXACT, row("hutchinson(probes=16)", 0.6, 0.012, 16)]
    said = advice(rows, TOLD, None, None, "time")
    assert said == (
        "hutchinson(probes=16): relative error 0.6 ± 0.06 in 12 ms, 1.2 % of the exact trace's 1 s. For 5 % you need "
        "hutchinson(probes=16) averaged 144 times (2,304 matvecs, 1.73 s): the exact trace costs less."
    )


def test_a_cheap_exact_method_is_the_answer() -> None:
    rows = [row("exact", 1e-9, 0.001, 16), row("xtrace(matvecs=30)", 0.1, 0.002, 30)]
    assert advice(rows, TOLD, None, None, "time").startswith("exact: the exact trace in 1 ms costs no more")


def test_an_error_larger_than_the_truth_is_not_recommended() -> None:
    rows = [EXACT, row("hutchinson(probes=1)", 12.0, 0.0004, 1)]
    said = advice(rows, TOLD, None, None, "time")
    assert said.startswith("exact: the exact trace in 1 s. The most efficient noisy way, hutchinson(probes=1)")


def test_a_refuted_estimator_is_left_out_and_named() -> None:
    wrong = row("wrong", 0.001, 1e-6, 1, claims=[{"claim": "unbiased", "verdict": "refuted"}])
    said = advice([EXACT, wrong, row("a", 0.6, 0.01, 16)], TOLD, None, None, "time")
    assert said.startswith("a: relative error 0.6")
    assert said.endswith("Refuted, so left out: wrong (unbiased).")


def test_without_any_times_work_is_compared() -> None:
    rows = [row("exact", 1e-9, math.nan, 16), row("a", 0.1, math.nan, 30)]
    assert advice(rows, TOLD, None, None, "time").startswith("exact: the exact trace in 16 matvecs")


def test_nothing_measured_says_why() -> None:
    failed = {"estimator": "a", "estimator_name": "a", "status": "failed", "reason": "RuntimeError: no"}
    said = advice([failed], TOLD, None, None, "time")
    assert said == "Nothing could be measured. Not measured: a (RuntimeError: no)."


def test_equal_reasons_are_said_once() -> None:
    late = [{"estimator": name, "estimator_name": name, "status": "timeout", "reason": "late"} for name in "abcd"]
    said = advice(late, TOLD, None, None, "time")
    assert said.endswith(" Not measured: a, b and 2 more (late).")


def test_what_hardly_costs_less_is_not_worth_its_noise() -> None:
    rows = [EXACT, row("hutchinson(probes=1)", 0.6, 0.7, 1)]
    said = advice(rows, TOLD, None, None, "time")
    assert said.startswith(
        "exact: the exact trace in 1 s costs hardly more than hutchinson(probes=1) (1 matvec, 700 ms)"
    )


def test_what_the_intervals_do_not_tell_apart_is_named() -> None:
    rows = [EXACT, row("a", 0.6, 0.01, 16), row("b", 0.61, 0.0101, 16), row("c", 0.6, 0.05, 16)]
    said = advice(rows, TOLD, None, None, "time")
    assert said.startswith("a: relative error 0.6 ± 0.06")
    assert said.endswith("Not told apart from it in efficiency: b.")
    assert "Not told apart from it in cost: b." in advice(rows, TOLD, 0.3, None, "time")
    assert "Not told apart from it in error: b." in advice(rows, TOLD, None, 0.0102, "time")


def test_an_error_without_an_interval_is_told_apart_from_nothing() -> None:
    rough = row("a", 0.1, 0.01, 16, relative_rmse_low=math.nan, relative_rmse_high=math.nan)
    said = advice([EXACT, rough, row("b", 0.6, 0.01, 16)], TOLD, None, None, "time")
    assert said.startswith("a: relative error 0.1 (too few draws for an interval) in 10 ms")
    assert said.endswith("Not told apart from it in efficiency: b.")


def test_times_without_intervals_may_be_off_by_two() -> None:
    rows = [
        row(name, 0.6, time, 16, time_low=-math.inf, time_high=math.inf) for name, time in (("a", 0.01), ("b", 0.039))
    ]
    assert advice([*rows, EXACT], TOLD, None, None, "time").endswith("efficiency: b.")


def test_an_exact_claim_that_is_refuted_speaks_of_the_users_function() -> None:
    wrong = row("enumeration", 1e-3, 0.1, 784, claims=[{"claim": "exact", "verdict": "refuted"}])
    said = advice([wrong, row("a", 0.6, 0.01, 16)], Told("the sum", "evaluations", "objective"), None, None, "time")
    assert said.endswith(
        "Your objective gives other values in float64 than in its own precision (enumeration: relative error 0.001 "
        "± 0.0001)."
    )


def test_a_target_above_one_is_a_question() -> None:
    rows = [EXACT, row("a", 0.6, 0.01, 16)]
    assert "larger than the truth itself: did you mean 0.05?" in advice(rows, TOLD, 5.0, None, "time")
    assert "did you mean" not in advice(rows, TOLD, 0.7, None, "time")


def test_without_noise_the_cheapest_and_the_next() -> None:
    said = advice([EXACT, row("other", 1e-9, 3.0, 800)], TOLD, None, None, "time")
    assert (
        said == "exact: the exact trace in 784 matvecs, 1 s. The next, other (800 matvecs, 3 s), takes 3 times as much."
    )


def test_what_is_closer_but_biased_is_named_beside_what_can_be_averaged() -> None:
    rows = [row("a", 2.0, 0.01, 8), row("biased", 0.2, 0.001, 1, claims=[])]
    said = advice(rows, TOLD, None, None, "time")
    assert said.startswith("a: relative error 2 ± 0.2 in 10 ms.")
    assert said.endswith(
        "Closer for one estimate, but not known to be unbiased: biased (1 matvec, 1 ms), relative error 0.2 ± 0.02."
    )


def test_a_large_error_without_an_interval_is_not_recommended() -> None:
    rough = row("reinforce", 65.0, 0.0002, 8, relative_rmse_low=math.nan, relative_rmse_high=math.nan)
    said = advice([EXACT, rough], Told("the sum over all states", "evaluations"), None, None, "time")
    assert said.startswith("exact: the sum over all states in 1 s. The most efficient noisy way, reinforce")


def test_whose_time_it_is() -> None:
    rows = [EXACT, row("a", 0.6, 0.01, 16)]
    said = advice(rows, Told("the sum over all states", "evaluations"), None, None, "time")
    assert "1 % of the sum over all states' 1 s." in said


def test_the_only_sure_way_and_what_may_do_too() -> None:
    """An interval that reaches beyond the target is no promise, and neither is it nothing."""
    near = row("a", 0.04, 0.01, 16, relative_rmse_high=0.06, claims=[])
    said = advice([EXACT, near], TOLD, 0.05, None, "time")
    assert said == (
        "exact: the exact trace in 784 matvecs, 1 s is the only sure way to 5 %. a may reach it too, in 10 ms: "
        "relative error 0.04 ± 0.01."
    )


def test_nothing_measured_says_what_to_do() -> None:
    late = row("a", math.nan, math.nan, 16, status="timeout", reason="not tried: the time was over")
    said = advice([late], TOLD, None, None, "time")
    assert said.startswith("Nothing could be measured. Give more seconds: the same call goes on from what is there.")
