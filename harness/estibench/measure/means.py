"""The mean of n independent scalars: intervals and p-values that hold up under skewness and heavy tails.

Student's t fails for skewed samples: squared errors are skewed to the right, so that a sample without its share of
large values has both a small mean and a small standard error. Hall (1992, *On the removal of skewness by
transformation*, J. R. Statist. Soc. B 54, 221–228) transforms x = (ȳ − μ)/e, with e the standard error and λ the
skewness of the mean (that of the sample over √n), to

    g(x) = x + λ x²/3 + λ² x³/27 + λ/6,

monotone, and normal up to O(1/n). Where λ itself is uncertain (symmetric heavy tails) Student's t is the better of the
two, so the interval here is the outer envelope of both and the p-value the larger one.

Limits: no method covers the mean of every distribution (Bahadur and Savage 1956). A value too rare to be in the sample
cannot be accounted for; for samples without a finite variance coverage falls below nominal. `docs/how_we_measure.md`
says by how much.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import special
from torch import Tensor

from estibench.measure.intervals import Interval

Array = NDArray[np.float64]
SYMMETRIC = 1e-7  # skewness of the mean below which the transformation is the identity, up to rounding


@dataclass(frozen=True)
class Summary:
    """What the interval of a mean needs, for each of D columns.

    Attributes:
        freedom: degrees of freedom of Student's t.
        mean: ȳ, (D,).
        error: its standard error e, (D,).
        skewness: λ of the mean, (D,); 0 where the error is 0.
    """

    freedom: int
    mean: Array
    error: Array
    skewness: Array


def summarise(samples: Tensor, extra: float = 0.0) -> Summary:
    """Summary of samples (n,) or (n, D), n ≥ 2.

    Args:
        extra: variance of the mean beyond what the samples show.
    """
    columns = samples if samples.ndim == 2 else samples[:, None]
    n = columns.shape[0]
    mean = columns.mean(0)
    return _summary(n - 1, mean, (columns - mean) / n, extra)


def _summary(freedom: int, mean: Tensor, terms: Tensor, extra: float = 0.0) -> Summary:
    """Summary of a sum of independent terms, less their means, (n, D)."""
    variance = terms.square().sum(0)
    skewness = (terms**3).sum(0) / variance.clamp(min=torch.finfo(terms.dtype).tiny) ** 1.5
    error = (variance * (freedom + 1) / freedom + extra).sqrt()
    return Summary(freedom, mean.numpy(), error.numpy(), skewness.nan_to_num(0.0, 0.0, 0.0).numpy())


def mean_bounds(y: Summary, tail: float, positive: bool = False) -> tuple[Array, Array]:
    """Lower and upper confidence bounds of each column's mean, (D,), missing with probability `tail` on each side.

    Args:
        positive: the samples cannot be negative; Student's t is then taken on the log scale, so that no bound is ≤ 0.
    """
    quantile = -float(special.stdtrit(y.freedom, tail))
    half = quantile * y.error
    hall_low, hall_high = (y.mean - y.error * _inverse(sign * quantile, y.skewness) for sign in (1, -1))
    if not positive:
        return np.fmin(y.mean - half, hall_low), np.fmax(y.mean + half, hall_high)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        factor = np.exp(np.minimum(np.where(y.mean > 0, half / y.mean, 0.0), 700.0))
    low = np.fmin(y.mean / factor, np.maximum(hall_low, 0.0))
    return low, np.fmax(y.mean * factor, hall_high)


def mean_interval(samples: Tensor, confidence: float) -> Interval:
    """Mean of n scalars."""
    y = summarise(samples)
    low, high = mean_bounds(y, (1 - confidence) / 2)
    return Interval(float(y.mean[0]), float(low[0]), float(high[0]))


def positive_mean_interval(samples: Tensor, confidence: float, extra: float = 0.0) -> Interval:
    """Mean of n non-negative scalars; `extra` as in `summarise`."""
    y = summarise(samples, extra)
    low, high = mean_bounds(y, (1 - confidence) / 2, positive=True)
    return Interval(float(y.mean[0]), float(low[0]), float(high[0]))


def transformed(y: Summary, mu: Array | float) -> Array:
    """Hall's g(x) of each column for the hypothesis E y = mu, (D,). Columns without an error give 0 or ±∞."""
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.where(y.mean == mu, 0.0, (y.mean - mu) / y.error)
        g = x + y.skewness * x**2 / 3 + y.skewness**2 * x**3 / 27 + y.skewness / 6
    return np.where(np.isfinite(x), g, x)


def straightened_mean(y: Summary) -> Array:
    """The mean that would lie as far from 0 without skewness, (D,): e g(ȳ/e); the mean itself where it has no error."""
    return np.where(y.error > 0, transformed(y, 0.0) * np.where(y.error > 0, y.error, 1.0), y.mean)


def mean_p_value(samples: Tensor, mu: float, tolerance: float = 0.0) -> float:
    """Two-sided p-value of E y = mu for n scalars, allowing the mean to be off by `tolerance`."""
    y = summarise(samples)
    nearest = float(np.clip(y.mean[0], mu - tolerance, mu + tolerance))
    if y.mean[0] == nearest:
        return 1.0
    if y.error[0] == 0:
        return 0.0
    return _p_value(float((y.mean[0] - nearest) / y.error[0]), y, nearest)


def positive_mean_p_value(samples: Tensor, mu: float, extra: float = 0.0) -> float:
    """Two-sided p-value of E y = mu > 0 for n non-negative scalars; Student's t is taken on the log scale."""
    y = summarise(samples, extra)
    mean, error = float(y.mean[0]), float(y.error[0])
    if error == 0 or mean <= 0:
        return float(math.isclose(mean, mu, rel_tol=1e-6))
    return _p_value(math.log(mean / mu) * mean / error, y, mu)


def ratio_of_means(a: Tensor, b: Tensor, confidence: float) -> tuple[Interval, float]:
    """E a / E b for non-negative samples (n,) and (n',), and the p-value of a ratio of 1.

    The first min(n, n') of both are pairs, which may be dependent in any way. The interval is all r for which
    ā − r b̄ is not told apart from 0 (Fieller 1954), by Hall's transformation or by Student's t, and as for positive
    means also Student's t on the log scale. An upper bound is ∞ where E b may be 0.
    """
    value = float(a.mean() / b.mean())
    tail = (1 - confidence) / 2
    at_value = _difference(a, b, value)
    error = float(at_value.error[0] / a.mean())  # of log(ā/b̄)
    half = -float(special.stdtrit(at_value.freedom, tail)) * error

    def bound(side: int) -> Callable[[float], float]:
        return lambda log_ratio: float(mean_bounds(_difference(a, b, value * math.exp(log_ratio)), tail)[side][0])

    low, high = min(_root(bound(0), -1.0), -half), max(_root(bound(1), 1.0), half)
    interval = Interval(value, value * math.exp(low), value * math.exp(high) if high < 700 else math.inf)
    at_one = _difference(a, b, 1.0)
    if error == 0 or at_one.error[0] == 0:
        return interval, float(value == 1)
    p_value = _p_value(float(at_one.mean[0] / at_one.error[0]), at_one, 0.0)
    return interval, max(p_value, _two_sided(abs(math.log(value)) / error, at_one.freedom))


def _difference(a: Tensor, b: Tensor, ratio: float) -> Summary:
    """ā − r b̄ as a sum of independent terms: pairs, and what only the longer sample has."""
    n = min(len(a), len(b))
    one, other = a / len(a), ratio * b / len(b)
    groups = (one[:n] - other[:n], one[n:], -other[n:])
    terms = torch.cat([group - group.mean() for group in groups if len(group)])
    return _summary(n - 1, (one.sum() - other.sum())[None], terms[:, None])


def _root(function: Callable[[float], float], step: float) -> float:
    """Where a monotone function that is not 0 at 0 changes its sign, going from 0 in steps; ±∞ where it does not."""
    start = function(0.0)
    if start == 0:
        return 0.0
    reached = step
    while (there := function(reached)) * start > 0:
        reached *= 2
        if abs(reached) > 60:
            return math.copysign(math.inf, step)
    return _sign_change(function, (0.0, start), (reached, there))


def _sign_change(function: Callable[[float], float], a: tuple[float, float], b: tuple[float, float]) -> float:
    """Where a continuous function crosses 0 between two points (x, f(x)) of unlike signs, to 1e-10.

    Ridders' method (IEEE Trans. Circuits Syst. 26, 1979), which bends the function by an exponential, as the ratio is
    one: in the place of Brent's, which would import all of scipy.optimize into every worker.
    """
    while abs(b[0] - a[0]) > 1e-10 and b[1] != 0:
        middle = (a[0] + b[0]) / 2
        value = function(middle)
        if value == 0:
            return middle
        x = middle + (middle - a[0]) * math.copysign(value, value * a[1]) / math.hypot(value, math.sqrt(-a[1] * b[1]))
        new = (x, function(x))
        points = [a, (middle, value), new, b] if (x - middle) * (b[0] - a[0]) > 0 else [a, new, (middle, value), b]
        a, b = next((one, other) for one, other in pairwise(points) if one[1] * other[1] <= 0)
    return b[0]


def _inverse(quantile: float, skewness: Array) -> Array:
    """The x of each column at which g(x) = quantile."""
    symmetric = np.abs(skewness) < SYMMETRIC
    skew = np.where(symmetric, 1.0, skewness)
    return np.where(symmetric, quantile, 3 / skew * (np.cbrt(1 + skew * (quantile - skew / 6)) - 1))


def _p_value(student: float, y: Summary, mu: float) -> float:
    """The larger of the two-sided p-values of Student's statistic and of Hall's transformed one."""
    return _two_sided(min(abs(student), abs(float(transformed(y, mu)[0]))), y.freedom)


def _two_sided(distance: float, freedom: int) -> float:
    return 2 * float(special.stdtr(freedom, -distance))
