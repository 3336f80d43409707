"""Break-even: the x where two estimators' curves of y cross, with its confidence interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from estibench.analysis.curves import Curve, normal_quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROUNDING = 1e-12  # log y that differ by no more are equal


@dataclass(frozen=True)
class Crossing:
    """A place where two curves cross.

    Attributes:
        at: the break-even, in units of x.
        low, high: its confidence interval.
        first_below: whether the first curve is the lower one below the break-even, and so the higher one above.
    """

    at: float
    low: float
    high: float
    first_below: bool


def crossings(first: Curve, second: Curve, confidence: float) -> list[Crossing]:
    """Where the curves A and B demonstrably change places, in order of x.

    With t = log x, each curve's log y is interpolated linearly between its own points t_i ≤ t ≤ t_{i+1}:

        a(t) = (1 − v) a_i + v a_{i+1},   var a(t) = (1 − v)² s_i² + v² s_{i+1}²,   v = (t − t_i) / (t_{i+1} − t_i),

    with the standard errors s_i of the points. The difference d = a − b with variance e² = var a + var b is known on
    the overlap of the two ranges of x; nothing is extrapolated. At the true crossing E d = 0, so the set of all t
    that a test of d(t) = 0 does not reject, |d(t)| ≤ q e(t) with q the normal quantile, holds it with the given
    confidence: Fieller's (1954) interval for the zero of a line with random ends. Between neighbouring points of the
    two grids together, d² − q² e² is a quadratic in t, and its roots are the ends of the set.

    A crossing is reported between a t with d < −q e and one with d > q e, whichever comes first, when no t in between
    is significant: then each curve is significantly the lower one on its side, and the interval, all that lies
    between, is bounded. Its centre is the zero of d there (the middle one of several).

    Args:
        first, second: the curves. Points whose error is unknown are left out; points with the same x are averaged.
        confidence: of the interval and of each test, and of the points' bounds.

    Source: E. C. Fieller, Some problems in interval estimation, J. R. Stat. Soc. B 16 (1954), 175–185.
    """
    import numpy as np

    knots = [_knots(curve, confidence) for curve in (first, second)]
    if any(len(t) < 2 for t, _, _ in knots):
        return []
    start, end = max(t[0] for t, _, _ in knots), min(t[-1] for t, _, _ in knots)
    if not start < end:
        return []
    grid = np.concatenate([t for t, _, _ in knots])
    nodes = np.unique(grid[(grid >= start) & (grid <= end)])  # (m,)
    zeros = _zeros(nodes, _difference(knots, nodes)[0])
    q = normal_quantile(confidence)
    breaks = np.unique(np.concatenate([nodes, zeros, _band_ends(knots, nodes, q)]))
    d, e = _difference(knots, 0.5 * (breaks[1:] + breaks[:-1]))
    sides = np.sign(d) * (np.abs(d) > q * e + ROUNDING)  # between neighbouring breaks: −1, 0 or 1
    significant = np.flatnonzero(sides)
    found = []
    for left, right in pairwise(significant):
        if sides[left] != sides[right]:
            low, high = breaks[left + 1], breaks[right]
            at = float(np.median(zeros[(zeros >= low) & (zeros <= high)]))
            found.append(Crossing(math.exp(at), math.exp(low), math.exp(high), first_below=bool(sides[left] < 0)))
    return found


Knots = tuple["NDArray[Any]", "NDArray[Any]", "NDArray[Any]"]


def _knots(curve: Curve, confidence: float) -> Knots:
    """log x, increasing, mean log y and its variance, each (n,); only points whose error is known."""
    import numpy as np

    errors = curve.log_errors(confidence)
    known = np.isfinite(errors)
    log_x, log_y = (np.log(curve.points[name].to_numpy(dtype=float)[known]) for name in ("x", "y"))
    t, place, count = np.unique(log_x, return_inverse=True, return_counts=True)
    return t, np.bincount(place, log_y) / count, np.bincount(place, errors[known] ** 2) / count**2


def _difference(knots: list[Knots], t: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """d and its standard error at t, (k,), which lies within both curves."""
    import numpy as np

    values = []
    for places, log_y, variance in knots:
        at = np.clip(np.searchsorted(places, t, side="right") - 1, 0, len(places) - 2)
        v = (t - places[at]) / (places[at + 1] - places[at])
        values.append(((1 - v) * log_y[at] + v * log_y[at + 1], (1 - v) ** 2 * variance[at] + v**2 * variance[at + 1]))
    (a, var_a), (b, var_b) = values
    return a - b, np.sqrt(var_a + var_b)


def _zeros(nodes: NDArray[Any], d: NDArray[Any]) -> NDArray[Any]:
    """The zeros of d, which is linear between the nodes, (m,)."""
    import numpy as np

    at = np.flatnonzero(d[:-1] * d[1:] < 0)
    between = nodes[at] + (nodes[at + 1] - nodes[at]) * d[at] / (d[at] - d[at + 1])
    return np.concatenate([nodes[d == 0], between])


def _band_ends(knots: list[Knots], nodes: NDArray[Any], q: float) -> NDArray[Any]:
    """The t where |d| = q e, (any number,): the roots of a quadratic in u between 0 and 1 along every segment.

    The quadratic is known from its values at u = 0, 1/2 and 1.
    """
    import numpy as np

    left, width = nodes[:-1], np.diff(nodes)
    at_0, at_half, at_1 = (
        d**2 - q**2 * e**2 for d, e in (_difference(knots, left + u * width) for u in (0.0, 0.5, 1.0))
    )
    ends: list[NDArray[Any]] = []
    for start, size, *values in zip(left, width, at_0, at_half, at_1, strict=True):
        first, half, last = values
        roots = np.roots([2 * (first - 2 * half + last), -3 * first + 4 * half - last, first])
        u = roots.real[(roots.imag == 0) & (roots.real > 0) & (roots.real < 1)]
        ends.append(start + u * size)
    return np.concatenate(ends)
