"""The mean of n independent scalars: intervals and p-values that hold up under skewness and heavy tails.

Student's t fails for skewed samples: squared errors are skewed to the right, so that a sample without its share of
large values has both a small mean and a small standard error. Hall (1992, *On the removal of skewness by
transformation*, J. R. Statist. Soc. B 54, 221–228) transforms T = (ȳ − μ)/s, with γ the sample's skewness, to

    g(T) = T + γ T²/3 + γ² T³/27 + γ/(6n),

monotone, and √n g(T) is normal up to O(1/n). Where γ itself is uncertain (symmetric heavy tails) Student's t is the
better of the two, so the interval here is the outer envelope of both and the p-value the larger one.

Limits: no method covers the mean of every distribution (Bahadur and Savage 1956). A value too rare to be in the sample
cannot be accounted for; for samples without a finite variance coverage falls below nominal. `docs/how_we_measure.md`
says by how much.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import optimize, special
from torch import Tensor

from estibench.measure.intervals import Interval

Array = NDArray[np.float64]
SYMMETRIC = 1e-6  # skewness below which the transformation is the identity, up to rounding


@dataclass(frozen=True)
class Summary:
    """What the interval of a mean needs, for each of D columns.

    Attributes:
        n: number of rows.
        mean: ȳ, (D,).
        deviation: s with divisor n − 1, (D,).
        skewness: γ, third central moment over the cube of the standard deviation (divisor n), (D,); 0 for constants.
    """

    n: int
    mean: Array
    deviation: Array
    skewness: Array


def summarise(samples: Tensor, extra: float = 0.0) -> Summary:
    """Summary of samples (n,) or (n, D), n ≥ 2.

    Args:
        extra: variance of the mean beyond what the samples show; the deviation is enlarged accordingly.
    """
    columns = samples if samples.ndim == 2 else samples[:, None]
    n = columns.shape[0]
    mean = columns.mean(0)
    centred = columns - mean
    square = centred.square().mean(0)
    third = (centred**3).mean(0)
    skewness = torch.where(square > 0, third / square.clamp(min=torch.finfo(square.dtype).tiny) ** 1.5, 0.0)
    deviation = (square * n / (n - 1) + n * extra).sqrt()
    return Summary(n, mean.numpy(), deviation.numpy(), skewness.nan_to_num(0.0, 0.0, 0.0).numpy())


def mean_bounds(y: Summary, tail: float, positive: bool = False) -> tuple[Array, Array]:
    """Lower and upper confidence bounds of each column's mean, (D,), missing with probability `tail` on each side.

    Args:
        positive: the samples cannot be negative; Student's t is then taken on the log scale, so that no bound is ≤ 0.
    """
    quantile = -float(special.stdtrit(y.n - 1, tail)) / math.sqrt(y.n)
    half = quantile * y.deviation
    hall_low, hall_high = (y.mean - y.deviation * _inverse(sign * quantile, y) for sign in (1, -1))
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
    """Hall's g(T) of each column for the hypothesis E y = mu, (D,). Constant columns give 0 or ±∞."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(y.mean == mu, 0.0, (y.mean - mu) / y.deviation)
        g = t + y.skewness * t**2 / 3 + y.skewness**2 * t**3 / 27 + y.skewness / (6 * y.n)
    return np.where(np.isfinite(t), g, t)


def mean_p_value(samples: Tensor, mu: float, tolerance: float = 0.0) -> float:
    """Two-sided p-value of E y = mu for n scalars, allowing the mean to be off by `tolerance`."""
    y = summarise(samples)
    nearest = float(np.clip(y.mean[0], mu - tolerance, mu + tolerance))
    if y.mean[0] == nearest:
        return 1.0
    if y.deviation[0] == 0:
        return 0.0
    student = float((y.mean[0] - nearest) / y.deviation[0])
    return _p_value(min(abs(student), _abs(transformed(y, nearest))), y.n)


def positive_mean_p_value(samples: Tensor, mu: float, extra: float = 0.0) -> float:
    """Two-sided p-value of E y = mu > 0 for n non-negative scalars; Student's t is taken on the log scale."""
    y = summarise(samples, extra)
    mean, deviation = float(y.mean[0]), float(y.deviation[0])
    if deviation == 0 or mean <= 0:
        return float(math.isclose(mean, mu, rel_tol=1e-6))
    logarithm = math.log(mean / mu) * mean / deviation
    return _p_value(min(abs(logarithm), _abs(transformed(y, mu))), y.n)


def ratio_of_means(a: Tensor, b: Tensor, confidence: float) -> tuple[Interval, float]:
    """E a / E b for n pairs of non-negative scalars, and the p-value of a ratio of 1.

    All r for which the mean of a − r b is not told apart from 0 (Fieller 1954), by the test of this module: the pairs
    may be dependent in any way. An upper bound is ∞ where E b may be 0. As for positive means, the interval is the
    outer envelope with Student's t on the log scale, where the variance of log(ā/b̄) is that of the mean of a/ā − b/b̄.
    """
    n, value = len(a), float(a.mean() / b.mean())
    tail = (1 - confidence) / 2
    error = float((a / a.mean() - b / b.mean()).std()) / math.sqrt(n)
    half = -float(special.stdtrit(n - 1, tail)) * error

    def above(log_ratio: float) -> float:
        """How far the lower bound of E[a − r b] lies above 0, in units of the value."""
        ratio = value * math.exp(log_ratio)
        return float(mean_bounds(summarise(a - ratio * b), tail)[0][0])

    def below(log_ratio: float) -> float:
        ratio = value * math.exp(log_ratio)
        return float(mean_bounds(summarise(a - ratio * b), tail)[1][0])

    low, high = min(_root(above, -1.0), -half), max(_root(below, 1.0), half)
    interval = Interval(value, value * math.exp(low), value * math.exp(high) if high < 700 else math.inf)
    distance = abs(math.log(value)) / error / math.sqrt(n) if error > 0 else math.inf
    return interval, max(mean_p_value(a - b, 0.0), _p_value(distance, n))


def _root(function: Callable[[float], float], step: float) -> float:
    """Where a monotone function that is not 0 at 0 changes its sign, going from 0 in steps; ±∞ where it does not."""
    start = function(0.0)
    if start == 0:
        return 0.0
    reached = step
    while function(reached) * start > 0:
        reached *= 2
        if abs(reached) > 60:
            return math.copysign(math.inf, step)
    return float(optimize.brentq(function, 0.0, reached, xtol=1e-10))


def _inverse(x: float, y: Summary) -> Array:
    """The T of each column at which g(T) = x."""
    symmetric = np.abs(y.skewness) < SYMMETRIC
    gamma = np.where(symmetric, 1.0, y.skewness)
    return np.where(symmetric, x, 3 / gamma * (np.cbrt(1 + gamma * (x - gamma / (6 * y.n))) - 1))


def _abs(value: Array) -> float:
    return abs(float(value[0]))


def _p_value(distance: float, n: int) -> float:
    """Two-sided p-value of √n · distance against Student's t."""
    return 2 * float(special.stdtr(n - 1, -math.sqrt(n) * distance))
