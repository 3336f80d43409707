"""Regime maps: which family of estimators wins over a problem's parameter and the budget.

By `mse` one estimate is spent, and the budget is the most that it may cost. By `mse_work` or `mse_time` estimates are
averaged until the budget is spent: their error is bias² + variance × cost / budget (`analysis.price`), which ranks as
MSE × cost does where nobody is biased.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from estibench.analysis.cells import competes, is_refuted
from estibench.analysis.criteria import Criterion, criteria
from estibench.analysis.curves import without_parameter
from estibench.analysis.price import Cost
from estibench.analysis.verdicts import ERROR_RATE, holm
from estibench.analysis.winners import Field

if TYPE_CHECKING:
    import pandas as pd

MOST_BUDGETS = 10


@dataclass(frozen=True)
class Tile:
    """The winner at one x and one budget.

    Attributes:
        estimator, family: the winner's.
        rival: the estimator of another family that is hardest to tell apart; empty where there is none.
        p_value: against all of them, adjusted by Holm over the contests of the map; NaN without a rival.
        refuted: whether a claim of the winner was refuted.
    """

    estimator: str
    family: str
    rival: str
    p_value: float
    refuted: bool = False

    @property
    def separated(self) -> bool:
        """Whether the winner is told apart from every cell of every other family."""
        return not self.p_value >= ERROR_RATE


@dataclass(frozen=True)
class Regime:
    """The map of one kind of problem.

    Attributes:
        problem: its label without x.
        xs: values of the parameter, in order; (None,) for a problem that lacks it.
        budgets: in increasing order.
        tiles: by position in `xs` and in `budgets`; there is none where no cell spends as little.
    """

    problem: str
    xs: tuple[Any, ...]
    budgets: tuple[float, ...]
    tiles: dict[tuple[int, int], Tile]


def regimes(rows: pd.DataFrame, x: str, error: str, confidence: float, stated: Sequence[float] = ()) -> list[Regime]:
    """A map for each kind of problem of one device and dtype.

    The winner of a tile has the smallest error among the cells that spend at most the budget. Neighbouring tiles of one
    x often hold the same contest: p-values are adjusted by Holm over the different contests of all maps together.

    Args:
        rows: ok cells.
        x: a column `problem_…`.
        error: `mse`, or `mse_work` or `mse_time` where many estimates are to be averaged.
        stated: the suite's budgets. Averages are compared at these, or at a ladder, besides the costs that occur.
    """
    cost = budget_of(error)
    if not {cost, "mse"} <= {*rows.columns}:
        return []
    rows = rows[competes(rows)]
    values = rows[x] if x in rows else rows["problem"].map(lambda _: None)
    kinds = rows["problem"].map(lambda label: without_parameter(str(label), x, "problem_"))
    further = {one.budget for one in criteria(rows, cost, stated) if one.budget} if error != "mse" else set()
    found = []
    chances: dict[_Pair, float] = {}
    for kind, some in rows.groupby(kinds, sort=False):
        xs = _ordered(values[some.index])
        blocks = [some[_equals(values[some.index], value)] for value in xs]
        fields = [Field(block, "mse", cost, confidence) for block in blocks]
        budgets = _budgets(sorted({entry.cost for one in fields for entry in one.entries if entry.cost > 0} | further))
        tiles = {}
        for column, block in enumerate(blocks):
            for line, budget in enumerate(budgets):
                field = fields[column] if error == "mse" else Criterion(cost, budget).field(block, confidence)
                contest = field.contest(budget)
                if contest is None:
                    continue
                # The same two at another budget are another contest, unless they compare in the same way there.
                pair = (contest.winner, contest.rival, f"{contest.p_value:.6g}")
                if contest.rival is not None:
                    chances[pair] = contest.p_value
                tiles[column, line] = pair
        if tiles:
            found.append((str(kind), xs, budgets, tiles))
    adjusted = dict(zip(chances, holm(list(chances.values())), strict=True))
    refuted = is_refuted(rows)

    def tile(pair: _Pair) -> Tile:
        winner, rival, _ = pair
        name = "" if rival is None else str(rows.loc[rival, "estimator"])
        estimator, family = (str(rows.loc[winner, column]) for column in ("estimator", "family"))
        return Tile(estimator, family, name, adjusted.get(pair, math.nan), bool(refuted[winner]))

    return [
        Regime(kind, tuple(xs), tuple(budgets), {place: tile(pair) for place, pair in tiles.items()})
        for kind, xs, budgets, tiles in found
    ]


def budget_of(error: str) -> Cost:
    """What the budgets of a map limit."""
    return "time" if error == "mse_time" else "work"


_Pair = tuple[Any, Any, str]


def _ordered(values: pd.Series[Any]) -> list[Any]:
    """Different values in order: numbers by size, others as they come; None for what is missing."""
    known = list(dict.fromkeys(values.dropna()))
    if all(isinstance(value, (int, float)) for value in known):
        known.sort()
    return [*known, *([None] if values.isna().any() else [])]


def _equals(values: pd.Series[Any], value: Any) -> pd.Series[bool]:
    return values.isna() if value is None else values == value


def _budgets(works: list[float]) -> list[float]:
    """The works that occur; of many those next to a logarithmic grid."""
    if len(works) <= MOST_BUDGETS:
        return works
    import numpy as np

    logs = np.log(works)
    goals = np.linspace(logs[0], logs[-1], MOST_BUDGETS)
    return [works[at] for at in np.unique(np.abs(logs[:, None] - goals).argmin(axis=0))]
