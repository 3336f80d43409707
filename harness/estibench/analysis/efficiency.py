"""Work-normalised errors: MSE × time and MSE × work, what averaging to a given error costs."""

from __future__ import annotations

import math
from typing import Any

LARGEST_LOG = 700.0  # e to the power of more overflows


def normalise_by_work(row: dict[str, Any]) -> None:
    """Adds `mse_time` and `mse_work` to a row that has the factors, and their bounds where the factors have bounds.

    Work is counted, hence exact: the bounds of the MSE scale. Time is measured apart from the error, so its interval
    and the MSE's combine as those of independent factors.
    """
    mse, time, work = (_with_bounds(row, name) for name in ("mse", "time", "work"))
    if mse and work and work[0]:
        row |= dict(zip(_names("mse_work"), (bound * work[0] for bound in mse), strict=False))
    if mse and time:
        row["mse_time"] = mse[0] * time[0]
        if len(mse) == len(time) == 3:
            row["mse_time_low"], row["mse_time_high"] = bounds_of_product(mse, time)


def bounds_of_product(one: tuple[float, ...], other: tuple[float, ...]) -> tuple[float, float]:
    """Confidence bounds of the product of two independent, non-negative factors, each given as (value, low, high).

    On the log scale each side's half-widths add in quadrature, h = √(h₁² + h₂²): MOVER for a sum of logs (Zou and
    Donner 2008, Stat. Med. 27:1693). It keeps the level as far as the logs are normal, an approximation.

    A factor of 0 makes the product an exact 0. A lower bound of 0 or below, and an infinite upper one, exclude nothing:
    the product's is 0, or infinite. NaN stays NaN.
    """
    value = one[0] * other[0]
    if 0 in (one[0], other[0]):
        return 0.0, 0.0
    below, above = (_quadrature(*(_log_width(factor[0], factor[at]) for factor in (one, other))) for at in (1, 2))
    return value * math.exp(-below), value * (math.exp(above) if not above > LARGEST_LOG else math.inf)


def _log_width(value: float, bound: float) -> float:
    """|log(bound / value)|, infinite where the bound excludes nothing."""
    ratio = bound / value
    if math.isnan(ratio):
        return math.nan
    return abs(math.log(ratio)) if 0 < ratio < math.inf else math.inf


def _quadrature(one: float, other: float) -> float:
    return math.nan if math.isnan(one + other) else math.hypot(one, other)


def _names(quantity: str) -> tuple[str, str, str]:
    return quantity, f"{quantity}_low", f"{quantity}_high"


def _with_bounds(row: dict[str, Any], quantity: str) -> tuple[float, ...]:
    """Value, low and high; the value alone where a bound is missing; nothing where the value is."""
    value, low, high = (row.get(name) for name in _names(quantity))
    if value is None:
        return ()
    return (value,) if low is None or high is None else (value, low, high)
