"""Who wins a block, and which victories are beyond doubt."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from estibench.analysis.contrast import Measured, contrast
from estibench.analysis.winners import Field


def row(estimator: str, mse: float, work: float, wide: float = 1.1, **more: Any) -> dict[str, Any]:
    bounds = {"mse": mse, "mse_low": mse / wide, "mse_high": mse * wide, "rmse": mse**0.5, "rounding": 1e-6}
    return {"estimator": estimator, "family": estimator.partition("(")[0], **bounds, "work": work, **more}


def field(*rows: dict[str, Any]) -> tuple[pd.DataFrame, Field]:
    frame = pd.DataFrame(rows)
    return frame, Field(frame, "mse", "work", 0.95)


def names(frame: pd.DataFrame, *cells: Any) -> list[str]:
    return [str(frame.loc[cell, "estimator"]) for cell in cells]


def test_the_smallest_error_within_the_budget_wins_against_every_cell_of_every_other_family() -> None:
    frame, found = field(row("a(k=1)", 8, 1), row("a(k=9)", 1, 9), row("b", 2, 4), row("c", 2.1, 4, wide=3))
    contest = found.contest(9)
    assert contest is not None
    assert names(frame, contest.winner, contest.second, contest.rival) == ["a(k=9)", "b", "c"]  # c is wide
    pair = contrast(Measured(2.1, 0.7, 6.3, 0.95), Measured(1, 1 / 1.1, 1.1, 0.95), 0.95)
    assert contest.p_value == pytest.approx(pair.p_value)
    within = found.contest(5)
    assert within is not None
    assert names(frame, within.winner, within.rival) == ["b", "c"]
    alone = found.contest(1)
    assert alone is not None
    assert (names(frame, alone.winner), alone.rival) == (["a(k=1)"], None)
    assert math.isnan(alone.p_value)
    assert found.contest(0.5) is None


def test_errors_of_no_more_than_rounding_tie_and_the_cheaper_wins() -> None:
    frame, found = field(
        row("dear", 1e-20, 9),
        row("cheap", 1e-14, 2),
        row("rough", 1e-3, 1),
        row("exact", 0, 5, stopped="deterministic"),
    )
    contest = found.contest()
    assert contest is not None
    assert names(frame, contest.winner) == ["cheap"]
    assert contest.p_value == pytest.approx(1)
    assert found.ratio(1, 0) is None
    infinite = found.ratio(2, 0)
    assert infinite is not None
    assert (infinite.ratio, infinite.p_value) == (math.inf, 0)


def test_a_reference_wins_where_it_is_affordable_and_free_cells_always_are() -> None:
    frame, found = field(row("exact", 0, 64, stopped="deterministic"), row("free", 5, 0), row("a", 3, 4))
    winners = [found.contest(budget) for budget in (1, 4, 64)]
    assert [names(frame, one.winner) for one in winners if one] == [["free"], ["a"], ["exact"]]


def test_cells_without_an_error_or_a_cost_do_not_compete() -> None:
    frame, found = field(row("a", math.nan, 1), row("b", 1, math.nan), row("c", 9, 1))
    contest = found.contest()
    assert contest is not None
    assert names(frame, contest.winner) == ["c"]
    assert contest.second is None


def test_the_first_of_two_that_are_equal_but_for_rounding_wins() -> None:
    frame, found = field(row("first", 1.0 + 1e-12, 4), row("second", 1.0, 4))
    contest = found.contest()
    assert contest is not None
    assert names(frame, contest.winner) == ["first"]
    assert contest.p_value == pytest.approx(1)
