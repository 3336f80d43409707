"""What stated budgets buy, and where the order turns, in numbers: `tables/budgets.csv` and `tables/flips.csv`.

Only tasks in which a bias shows have them: elsewhere `mse_work` and `mse_time` say the same of every budget.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from estibench.analysis.criteria import Criterion, criteria
from estibench.analysis.price import Bounded, price_of
from estibench.exports.budgets import COSTS, flips
from estibench.exports.contests import measured

if TYPE_CHECKING:
    import pandas as pd

    from estibench.results.run_directory import Results

BUDGETS = (
    *("task", "problem", "device", "dtype", "estimator", "by", "budget", "estimates"),
    *("error", "error_low", "error_high", "floor", "floor_low", "floor_high", "bias"),
)
FLIPS = (
    *("task", "problem", "device", "dtype", "by", "better_below", "better_above"),
    *("break_even", "break_even_low", "break_even_high", "shown"),
)


def budget_tables(results: Results) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every cell's error at every budget, and the break-evens of neighbouring winners; see `BUDGETS` and `FLIPS`."""
    import pandas as pd

    bought: list[tuple[Any, ...]] = []
    turns: list[tuple[Any, ...]] = []
    frame, stated = results.frame, results.about.get("budgets") or {}
    if len(frame) and "task" in frame and (frame["status"] == "ok").any():
        for task, cells in measured(frame).groupby("task", sort=False):
            for by in COSTS:
                ranked = [one for one in criteria(cells, by, stated.get(by, ())) if one.budget is not None]
                bought += [(task, *line) for one in ranked for line in _bought(cells, one)]
                turns += [(task, *line) for line in _turns(cells, ranked, results.confidence)]
    return pd.DataFrame(bought, columns=list(BUDGETS)), pd.DataFrame(turns, columns=list(FLIPS))


def _bought(cells: pd.DataFrame, criterion: Criterion) -> Iterator[tuple[Any, ...]]:
    budget = criterion.budget or 0.0
    for row in cells.to_dict("records"):
        price = price_of(row, criterion.by)
        if price is None:
            continue
        where = (*(row[name] for name in ("problem", "device", "dtype", "estimator")), criterion.by, budget)
        floor = _roots(price.floor)
        if price.affords(budget):
            number = budget / price.cost if price.cost else math.inf
            yield (*where, number, *_roots(price.at(budget)), *floor, price.bias)
        else:
            yield (*where, *[math.nan] * 4, *floor, price.bias)


def _turns(cells: pd.DataFrame, ranked: list[Criterion], level: float) -> Iterator[tuple[Any, ...]]:
    for flip in flips(cells, ranked, level):
        found, where = flip.found, [flip.below[name] for name in ("problem", "device", "dtype")]
        numbers = (flip.start, flip.start, flip.start)
        if not math.isnan(found.at):
            numbers = (found.at, max(found.low, flip.start), found.high)
        names = (flip.below["estimator"], flip.above["estimator"])
        yield (*where, ranked[0].by, *names, *numbers, found.shown)


def _roots(squared: Bounded) -> tuple[float, float, float]:
    return math.sqrt(squared.value), math.sqrt(squared.low), math.sqrt(squared.high)
