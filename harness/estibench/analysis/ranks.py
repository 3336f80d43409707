"""Ranks of estimators over the blocks of a task, and which mean ranks a test tells apart.

Friedman's test, then Nemenyi's critical difference, as Demšar (2006, J. Mach. Learn. Res. 7:1–30) recommends for
several methods on several data sets. The blocks of a suite are chosen, not sampled, and related (one problem in several
dimensions or dtypes): the test sums up this suite, and says nothing about problems elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from estibench.analysis.cells import at_rounding, competes, is_reference
from estibench.columns import BLOCK

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

FEWEST_PROBLEMS = 5  # below, mean ranks are a story about a handful of choices


@dataclass(frozen=True)
class Ranking:
    """Mean ranks of k estimators over N blocks, by one error.

    Attributes:
        estimators: their labels, best first.
        mean_ranks: in the same order, 1 at best and k at worst.
        blocks: N.
        left_out: stochastic estimators that lack the quantity in some block.
        p_value: of Friedman's test that all estimators rank alike.
        critical_difference: between mean ranks, from which on Nemenyi's test tells two estimators apart.
        groups: first and last position of each largest set of estimators that are not told apart; sets may overlap.
            All are one set where Friedman's test rejects nothing.
    """

    estimators: tuple[str, ...]
    mean_ranks: tuple[float, ...]
    blocks: int
    left_out: tuple[str, ...]
    p_value: float
    critical_difference: float
    groups: tuple[tuple[int, int], ...]

    @property
    def best(self) -> tuple[str, ...]:
        """The estimator of lowest mean rank, and all that are not told apart from it."""
        return self.estimators[: self.groups[0][1] + 1]

    @property
    def size(self) -> str:
        """How large the comparison is, and how finely it tells apart, in words."""
        difference = f"critical difference {self.critical_difference:.1f}"
        return f"k = {len(self.estimators)} estimators, N = {self.blocks} blocks, {difference}"

    @property
    def chance(self) -> str:
        """The p-value in words."""
        return "p < 0.0001" if self.p_value < 1e-4 else f"p = {self.p_value:.2g}"


def ranking(cells: pd.DataFrame, column: str, level: float) -> Ranking | None:
    """Rank the stochastic estimators of one task by an error, such as `mse_work` or what a budget buys.

    The blocks are those in which some stochastic estimator has the quantity; an estimator takes part when it has it in
    all of them, and ranks count among those that take part. Leaving blocks out instead would let an estimator choose
    its problems: one that failed where it is hard would gain. Errors of no more than rounding tie at the best rank,
    other ties share the mean of their ranks.

    Args:
        cells: ok rows of the task.
        level: chance of telling apart any estimators that are alike, such as 0.05.

    Returns:
        None for fewer than five problems or two estimators. The same problem on another device or in another dtype
        is a further block, and no further problem.
    """
    if column not in cells or not {*BLOCK, "estimator"} <= {*cells.columns}:
        return None
    cells = cells[competes(cells)]
    errors = cells[column].astype(float)
    errors = errors.where(~at_rounding(cells) | errors.isna(), 0.0)
    some = cells[~is_reference(cells)].assign(error=errors)
    # A mean, for labels show six digits of a parameter, and two cells may share one.
    table = some.groupby([*BLOCK, "estimator"])["error"].mean().unstack("estimator").dropna(how="all")
    complete = table.loc[:, table.notna().all()]
    blocks, k = complete.shape
    if complete.index.get_level_values(BLOCK[0]).nunique() < FEWEST_PROBLEMS or k < 2:
        return None
    ranks = complete.rank(axis=1)
    means = ranks.mean().sort_values(kind="stable")
    p_value, difference = friedman(ranks.to_numpy()), critical_difference(k, blocks, level)
    return Ranking(
        tuple(map(str, means.index)),
        tuple(means.tolist()),
        blocks,
        tuple(str(name) for name in dict.fromkeys(some["estimator"]) if name not in complete),
        p_value,
        difference,
        groups_within(means.tolist(), difference) if p_value < level else ((0, k - 1),),
    )


def friedman(ranks: NDArray[np.float64]) -> float:
    """p-value of Friedman's test on the ranks of k treatments in N blocks, shape (N, k), mid-ranks for ties.

    The form of Iman and Davenport (1980) that Demšar prefers: F = (N − 1) χ² / (N (k − 1) − χ²) on k − 1 and
    (k − 1)(N − 1) degrees of freedom, χ² Friedman's statistic corrected for ties. F is infinite when all blocks agree;
    no p-value is less than the chance of that, (k!)^(1 − N). An approximation that is liberal for a handful of blocks.
    """
    from scipy import stats

    blocks, k = ranks.shape
    spread = float(((ranks - (k + 1) / 2) ** 2).sum())
    if spread == 0:
        return 1.0
    chi_squared = (k - 1) * blocks**2 * float(((ranks.mean(axis=0) - (k + 1) / 2) ** 2).sum()) / spread
    rest = max(blocks * (k - 1) - chi_squared, 1e-12)
    tail = float(stats.f.sf((blocks - 1) * chi_squared / rest, k - 1, (k - 1) * (blocks - 1)))
    return max(tail, math.exp((1 - blocks) * math.lgamma(k + 1)))


def critical_difference(k: int, blocks: int, level: float) -> float:
    """Nemenyi's: q √(k(k + 1) / 6N), q the upper quantile of the range of k standard normals over √2.

    It holds the level over all pairs at once; ties and few blocks make it conservative.
    """
    import numpy as np
    from scipy import stats

    q = float(stats.studentized_range.ppf(1 - level, k, np.inf)) / math.sqrt(2)
    return q * math.sqrt(k * (k + 1) / (6 * blocks))


def groups_within(mean_ranks: Sequence[float], difference: float) -> tuple[tuple[int, int], ...]:
    """First and last position of every largest run of sorted mean ranks that spans less than the difference."""
    found: list[tuple[int, int]] = []
    for first, low in enumerate(mean_ranks):
        last = max(at for at, rank in enumerate(mean_ranks) if rank - low < difference)
        if not found or last > found[-1][1]:
            found.append((first, last))
    return tuple(found)
