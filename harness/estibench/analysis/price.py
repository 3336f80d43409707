"""The price of an error: what a budget buys of an estimator that is repeated and averaged.

An estimate has squared bias b², variance V, and costs w. A budget B buys N = B / w of them, whose average errs by

    e(B) = b² + V w / B,        B ≥ w;

below w not even one is affordable. Averaging removes V and never b²: b² is the *floor* of the estimator's error, and
V w its *price*, the squared error that a unit of budget leaves. Without a bias e(B) B = V w = MSE × w for every B: then
one number ranks, and no budget need be named. N counts as a real number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from estibench.analysis.efficiency import bounds_of_product

if TYPE_CHECKING:
    import pandas as pd

Cost = Literal["work", "time"]
FAIR = ("unbiased", "exact")  # first words of claims that the bias is 0


@dataclass(frozen=True)
class Bounded:
    """A quantity that is not negative, with its confidence bounds; 0 and ∞ exclude nothing."""

    value: float
    low: float
    high: float

    def half_widths(self) -> tuple[float, float]:
        return self.value - self.low, self.high - self.value


@dataclass(frozen=True)
class Price:
    """What an estimator offers.

    Attributes:
        floor: b². 0 for certain where a claim to be unbiased stands, the claimed one where a claim of the bias does;
            else as measured, debiased and no less than 0.
        rate: V × cost of one estimate.
        cost: of one estimate, counted work or median seconds; a cell that spends nothing affords any number.
        shared: covariance of the errors of b² and of V, below and above, in squares of half-widths.
        bias: `none` by a claim that stands; `known` by one; `shown`: the measured interval excludes 0; `open`: neither.
    """

    floor: Bounded
    rate: Bounded
    cost: float
    shared: tuple[float, float]
    bias: Literal["none", "known", "shown", "open"]

    def affords(self, budget: float) -> bool:
        return self.cost <= budget

    def at(self, budget: float) -> Bounded:
        """e(B) with its bounds, by MOVER (Zou and Donner 2008, Stat. Med. 27:1693) for a sum of two that share draws.

        On each side the half-widths add as h² = h_b² + (h_P / B)² + 2 c w / B. The covariance c follows from the MSE's
        own interval, for at B = w the sum is the MSE; it is never taken to be negative. Skewed draws need it: with
        exponential errors b² and V are correlated by up to 0.7, and without c the interval covers too rarely.
        """
        value = self.floor.value + self.rate.value / budget
        share = self.cost / budget
        sides = zip(self.floor.half_widths(), self.rate.half_widths(), self.shared, strict=True)
        below, above = (math.sqrt(b**2 + (p / budget) ** 2 + 2 * share * c) for b, p, c in sides)
        return Bounded(value, max(value - below, 0.0), value + above)

    def half_is_bias(self, budget: float) -> bool:
        """Whether the bias is, for certain of itself, the larger part of the error: a larger budget helps little."""
        return self.bias in ("known", "shown") and self.floor.value > self.rate.value / budget


def price_of(row: Mapping[Any, Any], by: Cost) -> Price | None:
    """The price of a row of the table; None where it lacks the error or the cost.

    A claim stands until it is refuted: where one says what the bias is, this is not estimated, for an estimate of b² is
    as noisy as V over the draws, and would drown what larger budgets buy. Where the bias is 0 the MSE is the variance.

    An estimate that is a whole run (a `curve`) is not averaged by anyone: all of its MSE is floor.

    Bounds that the table lacks are unknown: 0 and ∞.
    """
    mse, cost = bounded(row, "mse"), _number(row.get(by))
    if mse is None or not cost >= 0:
        return None
    spent = Bounded(cost, cost, cost) if by == "work" else bounded(row, "time") or Bounded(cost, 0.0, math.inf)
    nothing = Bounded(0.0, 0.0, 0.0)
    if isinstance(row.get("curve"), Mapping):
        return Price(mse, nothing, cost, (0.0, 0.0), "shown" if mse.low > 0 else "open")
    said, rounding = claimed_bias(row), max(0.0, _number(row.get("rounding")))  # 0 for NaN
    said = 0.0 if said is not None and said <= rounding else said
    variance, measured = bounded(row, "variance"), bounded(row, "bias_squared")
    if said == 0.0 or variance is None or measured is None:
        return Price(nothing, _product(mse, spent), cost, (0.0, 0.0), "none" if said == 0.0 else "open")
    if said is not None:
        return Price(Bounded(said**2, said**2, said**2), _product(variance, spent), cost, (0.0, 0.0), "known")
    shared = tuple(map(_covariance, measured.half_widths(), variance.half_widths(), mse.half_widths()))
    bias: Literal["shown", "open"] = "shown" if measured.low > 0 and measured.value > rounding**2 else "open"
    return Price(measured, _product(variance, spent), cost, (shared[0], shared[1]), bias)


def priced(cells: pd.DataFrame, by: Cost) -> list[dict[Any, Any]]:
    """The rows with no more than `price_of` reads: a table may have a hundred columns."""
    bounded_ones = (
        f"{name}{side}" for name in ("mse", "variance", "bias_squared", by) for side in ("", "_low", "_high")
    )
    needed = [name for name in (*bounded_ones, "curve", "claims", "rounding") if name in cells]
    return cells[needed].to_dict("records")


def claimed_bias(row: Mapping[Any, Any]) -> float | None:
    """The norm of the bias by a claim that is not refuted; None without one."""
    found = row.get("claims")
    standing = [claim for claim in (found if isinstance(found, list) else []) if claim.get("verdict") != "refuted"]
    names = {str(claim["claim"]).partition(" ")[0]: claim for claim in standing}
    if any(name in names for name in FAIR):
        return 0.0
    known = _number(names["bias"].get("claimed")) if "bias" in names else math.nan
    return known if math.isfinite(known) else None


def is_biased(row: Mapping[Any, Any]) -> bool:
    """Whether a bias is there for certain: claimed, or measured with an interval that excludes 0."""
    price = price_of({**row, "work": 1.0}, "work")
    return price is not None and price.bias in ("known", "shown") and price.floor.value > 0


def at_budget(cells: pd.DataFrame, by: Cost, budget: float) -> pd.DataFrame:
    """The cells with `error`, `error_low` and `error_high`: e(B); NaN where the budget buys no estimate."""
    import pandas as pd

    prices = [price_of(row, by) for row in priced(cells, by)]
    found = [price.at(budget) if price is not None and price.affords(budget) else None for price in prices]
    columns = {
        f"error{end}": [math.nan if one is None else getattr(one, side) for one in found]
        for end, side in (("", "value"), ("_low", "low"), ("_high", "high"))
    }
    return cells.assign(**{name: pd.Series(values, cells.index, dtype=float) for name, values in columns.items()})


def bounded(row: Mapping[Any, Any], quantity: str) -> Bounded | None:
    """A quantity of a row that is not negative, its absent bounds 0 and ∞; None where it is not finite."""
    value, low, high = (_number(row.get(name)) for name in (quantity, f"{quantity}_low", f"{quantity}_high"))
    if not math.isfinite(value):
        return None
    value = max(value, 0.0)
    low, high = max(low, 0.0) if low <= value else 0.0, high if high >= value else math.inf
    return Bounded(value, min(low, value), high)


def _product(one: Bounded, other: Bounded) -> Bounded:
    low, high = bounds_of_product((one.value, one.low, one.high), (other.value, other.low, other.high))
    if 0 in (one.value, other.value):  # nothing excludes that it is larger, but for exact factors
        return Bounded(0.0, 0.0, one.high * other.high if min(one.high, other.high) > 0 else 0.0)
    return Bounded(one.value * other.value, low, high)


def _covariance(b: float, v: float, mse: float) -> float:
    """From the half-widths of b², V and their sum: between 0 and b v."""
    if math.isinf(b) or math.isinf(v):
        return 0.0  # the half-width is infinite as it is
    return min(max((mse**2 - b**2 - v**2) / 2, 0.0), b * v)


def _number(value: Any) -> float:
    try:
        return math.nan if value is None else float(value)
    except (TypeError, ValueError):
        return math.nan
