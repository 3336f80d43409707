"""Confidence intervals, and those of proportions."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import special
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

    def without_bounds(self) -> Interval:
        """The value alone: where nothing is known of how far it is off, the bounds are NaN."""
        return Interval(self.value, math.nan, math.nan)

    def clipped(self, least: float, most: float) -> Interval:
        """All three within the range that the quantity can have."""
        return Interval(*(min(max(number, least), most) for number in (self.value, self.low, self.high)))

    @property
    def relative_half_width(self) -> float:
        """Half of the width over the value; 0 for a degenerate interval."""
        if self.high == self.low:
            return 0.0
        return (self.high - self.low) / (2 * self.value) if self.value > 0 else math.inf


def proportion_interval(proportion: float, n: float, confidence: float) -> Interval:
    """A proportion among n independent trials with Wilson's (1927) interval."""
    z = float(special.ndtri(0.5 + confidence / 2))
    centre = (proportion + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(proportion * (1 - proportion) / n + z**2 / (4 * n**2))
    return Interval(proportion, max(min(centre - half, proportion), 0.0), min(max(centre + half, proportion), 1.0))


def effective_trials(fractions: Tensor, components: int) -> float:
    """How many independent trials n draws of several components are worth, if those of one draw may be dependent.

    p(1 − p)/Var(p̂) with the variance taken between draws (Kish 1965, §8.2): between n, as if the components of a draw
    were one, and n × components.

    Args:
        fractions: the proportion within each draw, (n,).
        components: number of components of a draw.
    """
    n = len(fractions)
    proportion = float(fractions.mean())
    between = float(fractions.var()) / n
    effective = proportion * (1 - proportion) / between if between > 0 else n
    return min(max(effective, n), n * components)


def clustered_proportion_interval(fractions: Tensor, components: int, confidence: float) -> Interval:
    """A proportion over the components of n draws: Wilson's interval for the effective number of trials."""
    return proportion_interval(float(fractions.mean()), effective_trials(fractions, components), confidence)
