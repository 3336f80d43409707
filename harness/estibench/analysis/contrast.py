"""Two measured positive quantities against each other: their ratio, its interval, and whether it is beyond a margin."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from estibench.analysis.curves import normal_quantile
from estibench.columns import is_counted

TRIALS = ("time_rounds", "draws")  # columns that say how many values an interval of a time, or another one, rests on


@dataclass(frozen=True)
class Measured:
    """A positive quantity with its confidence bounds.

    Attributes:
        freedom: degrees of freedom of the Student-t quantile that its bounds are as wide as.
    """

    value: float
    low: float
    high: float
    confidence: float
    freedom: float = math.inf


@dataclass(frozen=True)
class Contrast:
    """A ratio a/b.

    Attributes:
        p_value: two-sided, of the hypothesis that the ratio lies within 1/(1 + margin) and 1 + margin.
    """

    ratio: float
    low: float
    high: float
    p_value: float


def measured(row: Mapping[str, Any], column: str, confidence: float) -> Measured:
    """A quantity of a row of the table. NaN where the row lacks it.

    A bound that is absent excludes nothing: the harness gives none where the draws cannot have seen what matters. Only
    counts are exact, and what has no width: a deterministic estimator is known after two draws, which are not a sample.
    """
    value = _number(row.get(column))
    low, high = (_number(row.get(f"{column}_{side}")) for side in ("low", "high"))
    unknown = (value, value) if is_counted(column) else (-math.inf, math.inf)
    low, high = (other if math.isnan(bound) else bound for bound, other in zip((low, high), unknown, strict=True))
    rounds, draws = TRIALS
    trials = _number(row.get(rounds if column.startswith("time") else draws))
    sampled = math.isfinite(trials) and low < high
    return Measured(value, low, high, confidence, max(trials - 1, 1.0) if sampled else math.inf)


def contrast(a: Measured, b: Measured, confidence: float, margin: float = 0.0) -> Contrast:
    """The ratio of two quantities that were measured independently.

    On the log scale each side's half-widths, brought from their own confidence to standard errors, add in quadrature
    (MOVER, Zou and Donner 2008, Stat. Med. 27:1693), so that skewed intervals keep their skewness. The p-value is
    that of Student's t with the fewer degrees of freedom of the two.

    Quantities of common random numbers may depend on each other: where they err together, the interval is too wide.

    Args:
        margin: relative difference up to which two quantities count as equal.
    """
    d = math.log(a.value / b.value) if a.value > 0 and b.value > 0 else math.copysign(math.inf, a.value - b.value)
    if a.value == b.value or math.isnan(d):
        d = 0.0
    freedom = min(a.freedom, b.freedom)
    below = math.hypot(_error(a, a.low), _error(b, b.high))
    above = math.hypot(_error(a, a.high), _error(b, b.low))
    q = _quantile(freedom, confidence)
    beyond, error = abs(d) - math.log1p(margin), below if d > 0 else above
    p_value = _p_value(beyond, error, freedom)
    return Contrast(_exp(d), _exp(d - q * below), _exp(d + q * above), p_value)


def difference(a: Measured, b: Measured, confidence: float, margin: float = 0.0) -> Contrast:
    """a − b of two quantities that were measured independently, which may be 0; its `ratio` is the difference.

    As in `contrast`, but on the scale of the quantities themselves, and with a margin in their units.
    """
    d, freedom = a.value - b.value, min(a.freedom, b.freedom)
    below = math.hypot(_distance(a, a.low), _distance(b, b.high))
    above = math.hypot(_distance(a, a.high), _distance(b, b.low))
    q = _quantile(freedom, confidence)
    beyond, error = abs(d) - margin, below if d > 0 else above
    p_value = _p_value(beyond, error, freedom)
    return Contrast(d, d - q * below, d + q * above, p_value)


def _p_value(beyond: float, error: float, freedom: float) -> float:
    """Two-sided, of a distance beyond the margin; infinite freedom is the normal distribution."""
    from scipy import special

    if beyond <= 0 or math.isinf(error):
        return 1.0
    if error == 0:
        return 0.0
    distance = beyond / error
    tail = special.stdtr(freedom, -distance) if math.isfinite(freedom) else special.ndtr(-distance)
    return 2 * float(tail)


def _error(one: Measured, bound: float) -> float:
    """Standard error of the log towards one bound; infinite where the bound excludes nothing."""
    if bound == one.value:
        return 0.0
    if not (0 < bound < math.inf and one.value > 0):
        return math.inf
    return abs(math.log(bound / one.value)) / _quantile(one.freedom, one.confidence)


def _distance(one: Measured, bound: float) -> float:
    """Standard error towards one bound."""
    return abs(bound - one.value) / _quantile(one.freedom, one.confidence)


def _quantile(freedom: float, confidence: float) -> float:
    """Half-width of a two-sided interval, in standard errors."""
    from scipy import special

    if math.isinf(freedom):
        return normal_quantile(confidence)
    return float(special.stdtrit(freedom, 0.5 + confidence / 2))


def _number(value: Any) -> float:
    try:
        return math.nan if value is None else float(value)
    except (TypeError, ValueError):
        return math.nan


def _exp(value: float) -> float:
    return math.inf if value > 700 else math.exp(value)
