"""Statistics of draws against the truth: the metrics of a vector estimand, each with its confidence interval.

Notation: draws g_1 … g_n in R^D, truth t, mean ḡ, sample covariance S. Norms are Euclidean over the D components
(for a batch of points: over the points). Everything is float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from scipy import stats
from torch import Tensor


@dataclass(frozen=True)
class Interval:
    """An estimate with the bounds of its confidence interval."""

    value: float
    low: float
    high: float

    def scaled(self, factor: float) -> Interval:
        """All three times a positive factor."""
        return Interval(self.value * factor, self.low * factor, self.high * factor)

    def root(self) -> Interval:
        """Square roots, negative numbers counted as 0."""
        return Interval(*(math.sqrt(max(number, 0.0)) for number in (self.value, self.low, self.high)))

    @property
    def relative_half_width(self) -> float:
        """Half of the width over the value; 0 for a degenerate interval."""
        if self.high == self.low:
            return 0.0
        return (self.high - self.low) / (2 * self.value) if self.value > 0 else math.inf


@dataclass(frozen=True)
class Moments:
    """What the metrics and the claim tests need of the draws.

    Attributes:
        n, components: number of draws and D.
        mean: ḡ, (D,).
        truth: t, (D,).
        squared_errors: ‖g_i − t‖², (n,).
        squared_deviations: ‖g_i − ḡ‖², (n,).
        trace: tr S.
        trace_squared: an estimate of tr Σ²: tr S² − (tr S)²/(n−1), bias-corrected as in Bai and Saranadasa (1996).
    """

    n: int
    components: int
    mean: Tensor
    truth: Tensor
    squared_errors: Tensor
    squared_deviations: Tensor
    trace: float
    trace_squared: float


def moments(draws: Tensor, truth: Tensor) -> Moments:
    """Moments of draws (n, D), n ≥ 2, against the truth (D,)."""
    n, components = draws.shape
    mean = draws.mean(0)
    centred = draws - mean
    squared_deviations = centred.square().sum(1)
    trace = float(squared_deviations.sum()) / (n - 1)
    small = centred @ centred.T if n < components else centred.T @ centred
    raw = float((small / (n - 1)).square().sum())
    corrected = (n - 1) ** 2 / max((n + 1) * (n - 2), 1) * (raw - trace**2 / (n - 1))
    floor = trace**2 / components  # tr Σ² ≥ (tr Σ)²/D, by Cauchy–Schwarz
    return Moments(
        n=n,
        components=components,
        mean=mean,
        truth=truth,
        squared_errors=(draws - truth).square().sum(1),
        squared_deviations=squared_deviations,
        trace=trace,
        trace_squared=max(corrected, floor),
    )


def mean_interval(samples: Tensor, confidence: float) -> Interval:
    """Mean of n scalars with Student's t interval."""
    n = samples.numel()
    mean = float(samples.mean())
    half = _t_quantile(confidence, n - 1) * float(samples.std()) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half)


def positive_mean_interval(samples: Tensor, confidence: float, mean: float | None = None) -> Interval:
    """Mean of n non-negative scalars with Student's t interval on the log scale (delta method).

    Squared errors are skewed to the right; on the log scale the interval is asymmetric in the right direction and
    never crosses 0. It relies on n large against the kurtosis.
    """
    n = samples.numel()
    value = float(samples.mean()) if mean is None else mean
    if value <= 0:
        return Interval(0.0, 0.0, 0.0)
    half = _t_quantile(confidence, n - 1) * float(samples.std()) / math.sqrt(n) / value
    return Interval(value, value * math.exp(-half), value * math.exp(min(half, 700.0)))


def mse_interval(m: Moments, confidence: float) -> Interval:
    """E‖g − t‖²."""
    return positive_mean_interval(m.squared_errors, confidence)


def variance_interval(m: Moments, confidence: float) -> Interval:
    """tr Cov(g)."""
    return positive_mean_interval(m.squared_deviations, confidence, mean=m.trace)


def squared_bias_interval(m: Moments, confidence: float) -> Interval:
    """‖E g − t‖², debiased: ‖ḡ − t‖² − tr(S)/n, the U-statistic of Chen and Qin (2010); it can be negative.

    Its variance is 4 bᵀΣb/n + 2 tr(Σ²)/n² to leading order (b the bias), and bᵀΣb ≤ ‖b‖² √tr(Σ²).
    """
    naive = float((m.mean - m.truth).square().sum())
    value = naive - m.trace / m.n
    spread = math.sqrt(m.trace_squared)
    deviation = math.sqrt(4 * max(value, 0.0) * spread / m.n + 2 * m.trace_squared / m.n**2)
    half = _t_quantile(confidence, m.n - 1) * deviation
    return Interval(value, value - half, value + half)


def bias_interval(m: Moments, confidence: float) -> Interval:
    """‖E g − t‖. For one component |ḡ − t| with the t interval; else the root of the debiased square."""
    if m.components > 1:
        return squared_bias_interval(m, confidence).root()
    half = _t_quantile(confidence, m.n - 1) * math.sqrt(m.trace / m.n)
    value = abs(float(m.mean - m.truth))
    return Interval(value, max(value - half, 0.0), value + half)


def unbiasedness_p_value(m: Moments, tolerance: float) -> float:
    """p-value of E g = t, allowing a rounding error of norm `tolerance`.

    n‖ḡ − t‖²/tr S is referred to F(h, h(n−1)) with h = (tr Σ)²/tr Σ² (Box 1954). For one component this is the
    t-test; for many weakly correlated ones it tends to the normal limit of the Chen–Qin statistic.
    """
    distance = max(float((m.mean - m.truth).norm()) - tolerance, 0.0)
    if m.trace <= 0:
        return 1.0 if distance == 0 else 0.0
    h = m.trace**2 / m.trace_squared
    return float(stats.f.sf(m.n * distance**2 / m.trace, h, h * (m.n - 1)))


def proportion_interval(proportion: float, n: int, confidence: float) -> Interval:
    """A proportion among n independent trials with Wilson's interval."""
    z = float(stats.norm.ppf(0.5 + confidence / 2))
    centre = (proportion + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(proportion * (1 - proportion) / n + z**2 / (4 * n**2))
    return Interval(proportion, min(centre - half, proportion), max(centre + half, proportion))


def coverage_interval(
    draws: Tensor, errors: Tensor, truth: Tensor, confidence: float, rounding: float = 0.0
) -> Interval:
    """How often truth lies within z standard errors of the estimate, z the normal quantile of `confidence`.

    An error bar need not cover `rounding`. Averaged over components; those of one draw may be dependent, so the
    interval counts draws, not components.
    """
    z = float(stats.norm.ppf(0.5 + confidence / 2))
    covered = ((draws - truth).abs() <= z * errors + rounding).to(torch.float64).mean()
    return proportion_interval(float(covered), draws.shape[0], confidence)


def cosine_interval(draws: Tensor, truth: Tensor, confidence: float) -> Interval:
    """Mean cosine between a draw and the truth."""
    cosines = torch.nn.functional.cosine_similarity(draws, truth[None], dim=1)
    return mean_interval(cosines, confidence)


def _t_quantile(confidence: float, degrees: int) -> float:
    return float(stats.t.ppf(0.5 + confidence / 2, degrees))
