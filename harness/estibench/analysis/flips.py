"""Break-even budgets: from which budget on an average of one estimator errs less than one of another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from estibench.analysis.price import Price


@dataclass(frozen=True)
class BreakEven:
    """How the errors of two estimators compare over all budgets that afford both.

    Attributes:
        at: the budget where they are equal; NaN where one of them errs less at every budget.
        low, high: the budgets about it at which the two are not told apart; without `at`, all such budgets, NaN where
            there are none. 0 stands for the least budget that affords both, ∞ for no end.
        first_below: whether the first errs less at the smaller budgets; without `at`, at all.
        shown: whether each is told apart on its side; without `at`, whether they are at every budget.
    """

    at: float
    low: float
    high: float
    first_below: bool
    shown: bool


def break_even(first: Price, second: Price) -> BreakEven:
    """With u = 1/B, the difference of the errors is a line:

        D(u) = (b₁² − b₂²) + (P₁ − P₂) u,   P = V w,   zero at   B* = (P₁ − P₂) / (b₂² − b₁²).

    Its half-widths are those of `Price.at`, independent for the two estimators: on either side
    h²(u) = f² + 2 g u + p² u², by MOVER. The interval holds every B at which D = 0 is not rejected, |D| ≤ h: Fieller's
    (1954) argument, so it covers B* as often as h covers D at one budget, and may have no end. Its ends are roots of
    D² = h², a quadratic for the side where D is positive and one where it is negative.

    With unbiased estimators D has no zero for u > 0.
    """
    at_zero = first.floor.value - second.floor.value
    slope = first.rate.value - second.rate.value
    dearest = max(first.cost, second.cost)
    last = 1 / dearest if dearest > 0 else math.inf
    sides = [_squares(first, second), _squares(second, first)]  # below D, where it is positive, and above it
    ends = [u for side in sides for u in _roots(at_zero, slope, side)]
    zero = -at_zero / slope if slope else math.nan
    crosses = 0 < zero <= last
    inner = sorted(u for u in {*ends, *([zero] if crosses else [])} if 0 < u < last)
    grid = [0.0, *inner, last]
    middles = [(a + b) / 2 if math.isfinite(b) else 2 * a + 1.0 for a, b in pairwise(grid)]
    alike = [_alike(at_zero + slope * u, u, sides) for u in middles]
    if not crosses:
        where = [at for at, same in enumerate(alike) if same]
        low, high = (_budget(grid[where[-1] + 1], last), _budget(grid[where[0]], last)) if where else (math.nan,) * 2
        ahead = at_zero + slope * middles[0]
        return BreakEven(math.nan, low, high, ahead < 0, not where)
    place = grid.index(zero)
    left = next((at for at in range(place - 1, -1, -1) if not alike[at]), -1)  # towards larger budgets
    right = next((at for at in range(place, len(alike)) if not alike[at]), len(alike))
    low, high = _budget(grid[right], last), _budget(grid[left + 1], last)
    return BreakEven(1 / zero, low, high, slope < 0, left >= 0 and right < len(alike))


Squares = tuple[float, float, float]


def _squares(lower: Price, upper: Price) -> Squares:
    """f², g and p²: the squared half-width of D below, for D = lower − upper."""
    f, p, g = lower.floor.half_widths()[0], lower.rate.half_widths()[0], lower.cost * lower.shared[0]
    other_f, other_p, other_g = upper.floor.half_widths()[1], upper.rate.half_widths()[1], upper.cost * upper.shared[1]
    return f**2 + other_f**2, g + other_g, p**2 + other_p**2


def _roots(at_zero: float, slope: float, side: Squares) -> Sequence[float]:
    """The u where D² = h²."""
    import numpy as np

    f, g, p = side
    coefficients = [slope**2 - p, 2 * (at_zero * slope - g), at_zero**2 - f]
    if not all(map(math.isfinite, coefficients)):
        return ()
    return [float(root.real) for root in np.roots(coefficients) if root.imag == 0]


def _alike(d: float, u: float, sides: Sequence[Squares]) -> bool:
    f, g, p = sides[0] if d >= 0 else sides[1]
    return not d**2 > f + 2 * g * u + p * u**2


def _budget(u: float, last: float) -> float:
    """1/u; ∞ where there is no end, 0 at the least budget."""
    return 0.0 if u == last else math.inf if u == 0 else 1 / u
