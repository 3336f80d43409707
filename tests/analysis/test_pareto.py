"""Who is on a front: against the definition written as loops, and for the cells that are special."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estibench.analysis.pareto import Measured, front
from estibench.results.frame import to_frame

# Few levels, so that ties, touching and disjoint intervals are all frequent.
POINT = st.tuples(st.integers(0, 6), st.integers(0, 2), st.integers(0, 2))
CELLS = st.lists(st.tuples(POINT, POINT), min_size=1, max_size=9)


def arrays(points: list[tuple[int, int, int]]) -> Measured:
    value, below, above = np.array(points, dtype=float).T
    return Measured(value, value - below, value + above)


def dominates(one: Any, other: Any) -> bool:
    pairs = list(zip(one, other, strict=True))
    if any(mine[0] > yours[0] for mine, yours in pairs):
        return False
    return any(mine[0] + mine[2] < yours[0] - yours[1] for mine, yours in pairs)


@given(CELLS)
def test_front_is_what_the_definition_says(cells: list[Any]) -> None:
    found = front(arrays([error for error, _ in cells]), arrays([cost for _, cost in cells]))
    assert found.tolist() == [not any(dominates(other, cell) for other in cells) for cell in cells]
    assert found.any()


@given(CELLS)
def test_front_contains_the_one_of_the_values_and_is_it_without_noise(cells: list[Any]) -> None:
    found = front(arrays([error for error, _ in cells]), arrays([cost for _, cost in cells]))
    exact = [((error[0], 0, 0), (cost[0], 0, 0)) for error, cost in cells]
    classical = front(arrays([error for error, _ in exact]), arrays([cost for _, cost in exact]))
    assert not (classical & ~found).any()
    values = [(error[0], cost[0]) for error, cost in cells]
    assert classical.tolist() == [
        not any(one != two and one[0] <= two[0] and one[1] <= two[1] for one in values) for two in values
    ]


def row(estimator: str, mse: float | None, work: float | None = 1.0, **more: Any) -> dict[str, Any]:
    labels = {"problem": "p", "estimator": estimator, "device": "cpu", "dtype": "float32", "status": "ok"}
    bounds = {} if mse is None else {"mse": mse, "mse_low": 0.9 * mse, "mse_high": 1.1 * mse, "rmse": mse**0.5}
    return {**labels, **bounds, "rounding": 1e-6, "work": work, **more}


def marks(*rows: dict[str, Any], cost: str = "work") -> list[bool | None]:
    return to_frame(rows)[f"front_{cost}"].tolist()


def test_noise_does_not_throw_a_cell_off_the_front() -> None:
    assert marks(row("a", 1.0), row("b", 1.05), row("c", 2.0)) == [True, True, False]


def test_less_counted_work_is_better_beyond_doubt() -> None:
    assert marks(row("a", 1.0, 10), row("b", 1.05, 11)) == [True, False]
    assert marks(row("a", 1.05, 10), row("b", 1.0, 11)) == [True, True]


def test_rounding_ties_at_zero_with_the_reference_which_ends_the_front() -> None:
    reference = row("exact", 1e-14, 256, stopped="deterministic")
    assert marks(row("a", 1.0, 1), reference) == [True, True]
    cells = [row("a", 1e-17, 90, stopped="rounding"), row("b", 1e-13, 30, stopped="rounding"), row("c", 1e-13, 30)]
    assert marks(*cells, reference) == [False, True, True, False]  # c is at rounding by its size


def test_time_counts_by_its_interval() -> None:
    def timed(estimator: str, time: float, **more: Any) -> dict[str, Any]:
        return row(estimator, 1.0, time=time, time_low=0.8 * time, time_high=1.2 * time, **more)

    assert marks(timed("a", 1.0), timed("b", 1.3), timed("c", 2.0), cost="time") == [True, True, False]
    unbounded = {"time_low": -math.inf, "time_high": math.inf}
    assert marks(timed("a", 1.0), {**timed("b", 9.0), **unbounded}, cost="time") == [True, True]


def test_cells_without_a_quantity_beat_nobody_and_have_no_mark() -> None:
    rows = [
        row("a", 1.0, 10),
        row("b", None, 1),
        row("c", 0.1, None),
        row("d", 0.1, 1, status="failed"),
        row("e", math.inf, 1),
    ]
    assert marks(*rows) == [True, None, None, None, None]
    assert "front_time" not in to_frame(rows)
    assert "front_work" not in to_frame(rows[1:])


@pytest.mark.parametrize("axis", ["problem", "device", "dtype"])
def test_blocks_do_not_compete(axis: str) -> None:
    assert marks(row("a", 1.0), row("a", 2.0, **{axis: "other"}), row("b", 2.0)) == [True, True, False]
