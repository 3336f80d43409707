"""Statistics of draws against the truth: the metrics of a vector estimand, each with its confidence interval.

Notation: draws g_1 … g_n in R^D, truth t, mean ḡ, sample covariance S of Σ, bias b = E g − t. Norms are Euclidean over
the D components (for a batch of points: over the points). Everything is float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from scipy import special
from torch import Tensor

from estibench.measure.intervals import Interval, clustered_proportion_interval
from estibench.measure.means import (
    Summary,
    mean_bounds,
    mean_interval,
    mean_p_value,
    positive_mean_interval,
    positive_mean_p_value,
    straightened_mean,
    summarise,
)
from estibench.measure.rare import SHARE_THAT_MATTERS, Unseen, barely_seen, unseen


@dataclass(frozen=True)
class Moments:
    """Draws (n, D), n ≥ 2, against the truth (D,), and what metrics and claim tests need of them.

    Attributes:
        random: whether the estimator used its generator, or its draws differ beyond rounding. Equal draws of one that
            is not random are certain; those of a random one may hide what is rare.
        rounding: norm of an error that counts as none.
        truth_error: norm of the truth's own standard error; see `estibench.measure.uncertain_truth`.
    """

    draws: Tensor
    truth: Tensor
    random: bool = True
    rounding: float = 0.0
    truth_error: float = 0.0

    @property
    def n(self) -> int:
        """Number of draws."""
        return self.draws.shape[0]

    @property
    def components(self) -> int:
        """D."""
        return self.draws.shape[1]

    @cached_property
    def errors(self) -> Tensor:
        """g_i − t, (n, D)."""
        return self.draws - self.truth

    @cached_property
    def mean_error(self) -> Tensor:
        """ḡ − t, (D,)."""
        return self.errors.mean(0)

    @cached_property
    def squared_errors(self) -> Tensor:
        """‖g_i − t‖², (n,)."""
        return self.errors.square().sum(1)

    @cached_property
    def squared_deviations(self) -> Tensor:
        """‖g_i − ḡ‖² n/(n − 1), (n,): their mean is tr S."""
        return (self.errors - self.mean_error).square().sum(1) * self.n / (self.n - 1)

    @cached_property
    def trace(self) -> float:
        """tr S."""
        return float(self.squared_deviations.mean())

    @cached_property
    def trace_squared(self) -> float:
        """An estimate of tr Σ²: tr S² − (tr S)²/(n−1), bias-corrected as in Bai and Saranadasa (1996)."""
        n, centred = self.n, self.errors - self.mean_error
        small = centred @ centred.T if n < self.components else centred.T @ centred
        raw = float((small / (n - 1)).square().sum())
        corrected = (n - 1) ** 2 / max((n + 1) * (n - 2), 1) * (raw - self.trace**2 / (n - 1))
        return max(corrected, self.trace**2 / self.components)  # tr Σ² ≥ (tr Σ)²/D, by Cauchy–Schwarz

    @property
    def variance_of_centring(self) -> float:
        """Variance that tr S owes to ḡ in place of E g, 2 tr(Σ²)/n²: all of it where every ‖g_i − E g‖ is the same."""
        return 2 * self.trace_squared / self.n**2

    @cached_property
    def variance_along_bias(self) -> float:
        """b̂ᵀSb̂/‖b̂‖² for b̂ = ḡ − t."""
        norm = float(self.mean_error.norm())
        return float((self.errors @ (self.mean_error / norm)).var()) if norm > 0 else 0.0

    @cached_property
    def unseen(self) -> Unseen | None:
        """What the draws leave open; None for an estimator that is not random, or that was seen well."""
        return unseen(self.draws, self.truth, self.rounding) if self.random else None

    def seen(self) -> Moments | None:
        """Those components alone that were seen well; None where there is none."""
        return self if self.unseen is None else self._seen_part

    @cached_property
    def _seen_part(self) -> Moments | None:
        assert self.unseen is not None
        kept = ~self.unseen.barely
        return self.of(kept) if bool(kept.any()) else None

    def against(self, truth: Tensor) -> Moments:
        """The same draws against another truth: what is about their spread alone is kept, for it takes long."""
        other = replace(self, truth=truth)
        other.__dict__.update(squared_deviations=self.squared_deviations, trace_squared=self.trace_squared)
        if self.unseen is not None:
            part, kept = self._seen_part, ~self.unseen.barely
            other.__dict__["_seen_part"] = None if part is None else part.against(truth[kept])
        return other

    def of(self, components: Tensor) -> Moments:
        """Some components alone, given as a mask (D,)."""
        return Moments(self.draws[:, components], self.truth[components], self.random, self.rounding)

    def honest(self, found: Interval, series: Tensor | None = None) -> Interval:
        """The interval of a quantity of all components, without bounds where these would pretend to know.

        Args:
            series: scalars (n,) that the quantity is the mean of, if any: they may be equal where the draws are not.
        """
        blurred = self.unseen is not None and self.unseen.blurs_errors
        equal = self.random and (found.low == found.high or (series is not None and barely_seen(series)))
        return found.without_bounds() if blurred or equal else found

    @cached_property
    def by_component(self) -> Summary:
        """Mean error of each component, with its standard error and skewness."""
        return summarise(self.errors)


def mse_interval(m: Moments, confidence: float) -> Interval:
    """E‖g − t‖²."""
    return m.honest(positive_mean_interval(m.squared_errors, confidence), m.squared_errors.sqrt())


def variance_interval(m: Moments, confidence: float) -> Interval:
    """tr Cov(g)."""
    return m.honest(positive_mean_interval(m.squared_deviations, confidence, m.variance_of_centring))


def mean_error_interval(m: Moments, confidence: float) -> Interval:
    """Mean over the components of E g − t, signed."""
    series = m.errors.mean(1)
    return m.honest(mean_interval(series, confidence), series)


def squared_bias_interval(m: Moments, confidence: float) -> Interval:
    """‖b‖², debiased: ‖ḡ − t‖² − tr(S)/n, the U-statistic of Chen and Qin (2010); the estimate can be negative.

    Its variance is 4 bᵀΣb/n + 2 tr(Σ²)/n² to leading order. As that depends on ‖b‖² itself, the interval holds every
    ‖b‖² = θ that the estimate T does not reject: (T − θ)² ≤ q² (4 θ v/n + 2 tr(Σ²)/n²), with v the variance along the
    bias. For one component: the squares of the interval of b.
    """
    value = float(m.mean_error.square().sum()) - m.trace / m.n
    if m.components == 1:
        found = bias_interval(m, confidence)
        return Interval(value, min(found.low**2, value), found.high**2)
    q = float(special.stdtrit(m.n - 1, 0.5 + confidence / 2))
    shift = 2 * q**2 * m.variance_along_bias / m.n
    noise = q**2 * 2 * m.trace_squared / m.n**2
    half = math.sqrt(max((value + shift) ** 2 - value**2 + noise, 0.0))
    return m.honest(Interval(value, min(value + shift - half, value), max(value + shift + half, 0.0)))


def bias_interval(m: Moments, confidence: float) -> Interval:
    """‖b‖. For one component |ḡ − t| with the interval of a mean; else the root of the debiased square."""
    if m.components > 1:
        return squared_bias_interval(m, confidence).root()
    found = m.honest(mean_interval(m.errors[:, 0], confidence))
    ends = sorted((abs(found.low), abs(found.high)))
    return Interval(abs(found.value), 0.0 if found.low <= 0 <= found.high else ends[0], ends[1])


def component_bias_interval(m: Moments, confidence: float) -> Interval:
    """max_j |b_j|; see `_greatest`."""
    low, high = _greatest(lambda tail: _absolute(*mean_bounds(m.by_component, tail)), m.components, confidence)
    return _if_seen(m, Interval(float(m.mean_error.abs().max()), low, high))


def component_rmse_interval(m: Moments, confidence: float) -> Interval:
    """The largest root of E(g_j − t_j)² over the components j; see `_greatest`."""
    squares = summarise(m.errors.square())
    low, high = _greatest(lambda tail: mean_bounds(squares, tail, positive=True), m.components, confidence)
    return _if_seen(m, Interval(float(squares.mean.max()), low, high).root())


def unbiasedness_p_value(m: Moments, tolerance: float) -> float:
    """p-value of E g = t, allowing a rounding error of norm `tolerance`.

    n‖ḡ − t‖²/tr S is referred to F(h, h(n−1)) with h = (tr Σ)²/tr Σ² (Box 1954): the t-test for one component, and for
    many weakly correlated ones it tends to the normal limit of the Chen–Qin statistic. It is computed from the
    deviations as they are and from those that Hall's transformation of each component gives; the larger p-value
    counts, so that skewed draws do not refute a true claim.
    """
    distance = float(m.mean_error.norm())
    allowed = max(distance - tolerance, 0.0)
    if m.trace <= 0 or allowed == 0:
        return float(allowed == 0)
    if m.components == 1:
        return mean_p_value(m.errors[:, 0], 0.0, tolerance)
    straightened = float(np.linalg.norm(straightened_mean(m.by_component)))
    least = min(allowed, straightened * allowed / distance)
    h = m.trace**2 / m.trace_squared
    return float(special.fdtrc(h, h * (m.n - 1), m.n * least**2 / m.trace))


def variance_p_value(m: Moments, claimed: float) -> float:
    """p-value of tr Cov(g) = claimed > 0."""
    return positive_mean_p_value(m.squared_deviations, claimed, m.variance_of_centring)


def cosine_interval(m: Moments, confidence: float) -> Interval:
    """Mean cosine between a draw and the truth."""
    cosines = torch.nn.functional.cosine_similarity(m.draws, m.truth[None], dim=1)
    return m.honest(mean_interval(cosines, confidence).clipped(-1.0, 1.0), cosines)


def zeros_interval(draws: Tensor, confidence: float) -> Interval:
    """Fraction of exact zeros among all components of all draws."""
    fractions = (draws == 0).to(torch.float64).mean(1)
    return clustered_proportion_interval(fractions, draws.shape[1], confidence)


def covered(draws: Tensor, errors: Tensor, truth: Tensor, confidence: float, rounding: float = 0.0) -> Tensor:
    """Fraction of a draw's components whose error bar covers the truth, (n,).

    An error bar covers when truth lies within z standard errors of the estimate, z the normal quantile of `confidence`;
    it need not cover `rounding`.
    """
    z = float(special.ndtri(0.5 + confidence / 2))
    return ((draws - truth).abs() <= z * errors + rounding).to(torch.float64).mean(1)


def _if_seen(m: Moments, largest: Interval) -> Interval:
    """The largest quantity of a component, without bounds if a component that may be the largest was barely seen."""
    if m.unseen is None:
        return m.honest(largest)
    squares = m.errors.square().mean(0)
    rivals = squares > SHARE_THAT_MATTERS * squares.max()
    blurred = bool((rivals & m.unseen.barely).any()) or m.unseen.bias_may_hide
    return largest.without_bounds() if blurred else m.honest(largest)


Bounds = tuple[np.ndarray, np.ndarray]


def _absolute(low: np.ndarray, high: np.ndarray) -> Bounds:
    """Bounds of |b| from those of b. Where b = 0 only the lower one can miss, with the error rate of both sides."""
    inside = (low <= 0) & (high >= 0)
    return np.where(inside, 0.0, np.minimum(abs(low), abs(high))), np.maximum(abs(low), abs(high))


def _greatest(bounds: Callable[[float], Bounds], components: int, confidence: float) -> tuple[float, float]:
    """Bounds of the largest of D quantities, from each one's bounds that miss with probability `tail` on a side.

    Upper: the largest of the single upper bounds, as the largest quantity is below its own. Lower: the largest of the
    lower bounds, corrected by Bonferroni for the components that may be the largest, those whose upper bound is not
    below every lower bound. With many components that are about equally large the interval is conservative.
    """
    tail = (1 - confidence) / 2
    low, high = bounds(tail)
    rivals = int((bounds(tail / components)[1] >= low.max()).sum())
    return float(bounds(tail / max(rivals, 1))[0].max()), float(high.max())
