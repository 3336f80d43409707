"""By what a task is ranked, and at which budgets."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from estibench.analysis.criteria import Criterion, criteria


def row(estimator: str, bias: float, variance: float, work: float, **more: Any) -> dict[str, Any]:
    found = {"bias_squared": bias, "variance": variance, "mse": bias + variance, "time": 1e-3 * work}
    bounds = {f"{name}{side}": f * x for name, x in found.items() for side, f in (("_low", 0.9), ("_high", 1.1))}
    names = {"estimator": estimator, "family": estimator.partition("(")[0], "problem": "p"}
    efficiency = {"mse_work": found["mse"] * work, "mse_time": found["mse"] * found["time"]}
    return {
        **names,
        **found,
        **bounds,
        **efficiency,
        "work": work,
        "rounding": 1e-6,
        "rmse": found["mse"] ** 0.5,
        **more,
    }


UNBIASED = {"claims": [{"claim": "unbiased", "claimed": 0.0, "verdict": "supported"}]}
EXACT = row("exact", 0.0, 0.0, 64, stopped="deterministic")


def budgets(*rows: dict[str, Any], by: Any = "work", stated: tuple[float, ...] = ()) -> list[float | None]:
    return [one.budget for one in criteria(pd.DataFrame(rows), by, stated)]


def test_without_a_bias_no_budget_is_needed() -> None:
    assert budgets(row("a", 0.2, 1, 1, **UNBIASED), row("b", 0.2, 1, 4, bias_squared_low=-0.1), EXACT) == [None]
    assert budgets(row("rounding", 1e-16, 1e-16, 1), row("a", 0, 1, 1, **UNBIASED)) == [None]


def test_one_bias_is_enough_for_budgets_in_costs_of_the_dearest_estimate() -> None:
    fair, biased = row("a", 0, 1, 16, **UNBIASED), row("b", 0.2, 1, 3)
    assert budgets(fair, biased, EXACT) == [16, 256, 4096]
    assert budgets(fair, biased, by="time") == [0.02, 0.5, 5]  # 16 ms, 256 ms, 4.096 s, rounded up
    assert budgets(fair, biased, stated=(1000.0, 10.0)) == [10, 1000]


def test_one_budget_is_enough_where_averaging_helps_nobody() -> None:
    assert budgets(row("a", 2, 1, 8), row("b", 0.2, 0.0, 3)) == [8]
    assert budgets(row("a", 2, 99, 8, curve={"axis": "step"}), row("b", 0.2, 0.0, 3)) == [8]


def test_tables_without_errors_or_costs() -> None:
    assert criteria(pd.DataFrame([row("a", 1, 1, 1)]).drop(columns="work"), "work") == []
    assert criteria(pd.DataFrame([{"problem": "p", "work": 1.0}]), "work") == []


def test_the_order_turns_with_the_budget() -> None:
    """0.2 + 3/B against 16/B: equal at B = 65."""
    cells = pd.DataFrame([row("fair", 0, 1, 16, **UNBIASED), row("biased", 0.2, 1, 3), EXACT])
    for budget, winner in ((3, 1), (60, 1), (63, 1), (64, 2), (70, 2)):
        contest = Criterion("work", budget).field(cells, 0.95).contest(budget)
        assert contest is not None
        assert contest.winner == winner
    chance = cells.iloc[:2]
    winners = [Criterion("work", budget).field(chance, 0.95).contest(budget).winner for budget in (64, 66)]  # type: ignore[union-attr]
    assert winners == [1, 0]
    far = Criterion("work", 6500).field(chance, 0.95).ratio(1, 0)
    assert far is not None
    assert far.ratio == pytest.approx((0.2 + 3 / 6500) / (16 / 6500))
    assert far.p_value < 1e-6


def test_a_budget_that_buys_no_estimate_leaves_a_cell_out() -> None:
    found = Criterion("work", 10).errors(pd.DataFrame([row("a", 0, 1, 16), row("b", 0, 1, 10)]))
    assert math.isnan(found["error"][0])
    assert found["error"][1] == 1


def test_a_reference_wins_without_a_budget_only_where_it_costs_no_more_than_the_best() -> None:
    """A field in 16 dimensions: 30 matvecs of a sketch against 16 of the exact trace."""
    exact = row("exact", 0, 0, 16, stopped="deterministic")
    for work, winner in ((30, 1), (16, 1), (15, 0)):
        cells = pd.DataFrame([row("xtrace", 0, 1e-9, work, **UNBIASED), exact])
        contest = Criterion("work", None).field(cells, 0.95).contest()
        assert contest is not None
        assert contest.winner == winner
