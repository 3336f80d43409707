"""Power laws y = scale · x^exponent by least squares on log–log axes, and what is known of the exponent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from estibench.analysis.curves import normal_quantile

if TYPE_CHECKING:
    from estibench.analysis.curves import Curve


@dataclass(frozen=True)
class Fit:
    """y = scale · x^exponent.

    Attributes:
        exponent: the slope on log–log axes.
        low, high: where y is exact, the least and the greatest slope between neighbouring points; else the confidence
            interval exponent ± quantile · error. NaN where there is nothing to judge by.
        scale: y at x = 1.
        error: standard error of the exponent; 0 where y is exact; NaN where there is nothing to judge by.
        freedom: degrees of freedom of the Student-t quantile that goes with `error`; infinite for the normal one.
        errors: both estimates of `error`, from the points' own errors and from their scatter; NaN where there is none.
        exact: whether y is counted, not measured. A hypothesis on the exponent is then a matter of `low` and `high`,
            which hold every local slope (up to rounding, some 1e-15), and not of chance.
    """

    exponent: float
    low: float
    high: float
    scale: float
    error: float
    freedom: float
    exact: bool
    errors: tuple[float, float] = (math.nan, math.nan)


def fit(curve: Curve, confidence: float) -> Fit:
    """The power law through a curve's points, whose bounds are taken to be of the same confidence."""
    x, y = curve.points["x"], curve.points["y"]
    if curve.exact:
        return fit_exact_power_law(x, y)
    return fit_power_law(x, y, confidence, curve.log_errors(confidence))


def fit_power_law(x: Any, y: Any, confidence: float = 0.95, log_errors: Any = None) -> Fit:
    """Least squares of log y on log x through measured points.

    With c_i = log x_i − mean and S = Σ c_i² the exponent is k = Σ c_i log y_i / S. Its standard error is estimated
    twice: from the scatter of n points about the line, √(Σ r_i² / (n − 2) / S), Student-t with n − 2 degrees of
    freedom, which also sees what the law does not explain; and from the points' own errors s_i,
    √(Σ c_i² s_i²) / S, normal, which two points are enough for. The wider interval of the two holds both.

    Args:
        x, y: positive numbers, (n,), with at least two different x.
        confidence: of the interval.
        log_errors: s_i, the standard errors of log y_i, (n,). Where one is NaN only the scatter is left to judge by.

    Raises:
        ValueError: fewer than two different x.
    """
    import numpy as np
    from scipy import special

    log_x, log_y = _logs(x, y)
    centred = log_x - log_x.mean()
    spread = float((centred**2).sum())
    slope, offset = _line(log_x, log_y)
    propagated = math.nan
    if log_errors is not None:
        propagated = math.sqrt(float((centred**2 * np.asarray(log_errors, dtype=float) ** 2).sum())) / spread
    error, freedom, half_width = propagated, math.inf, normal_quantile(confidence) * propagated
    scatter = math.nan
    if len(log_x) > 2:
        residuals = log_y - offset - slope * log_x
        scatter = math.sqrt(float((residuals**2).sum()) / (len(log_x) - 2) / spread)
        wider = float(special.stdtrit(len(log_x) - 2, 0.5 + confidence / 2)) * scatter
        if not half_width >= wider:
            error, freedom, half_width = scatter, len(log_x) - 2, wider
    bounds = (slope - half_width, slope + half_width)
    return Fit(slope, *bounds, math.exp(offset), error, freedom, exact=False, errors=(propagated, scatter))


def fit_exact_power_law(x: Any, y: Any) -> Fit:
    """Least squares of log y on log x through points without error, with the range of the local slopes.

    The least-squares exponent is a weighted mean of the slopes log(y_j/y_i) / log(x_j/x_i) between neighbouring
    different x, so their least and greatest hold it; they fall together where the law holds exactly.

    Args:
        x, y: positive numbers, (n,), with at least two different x.

    Raises:
        ValueError: fewer than two different x.
    """
    import numpy as np

    log_x, log_y = _logs(x, y)
    slope, offset = _line(log_x, log_y)
    places = np.unique(log_x)
    least, most = (np.array([side(log_y[log_x == place]) for place in places]) for side in (np.min, np.max))
    low = float(((least[1:] - most[:-1]) / np.diff(places)).min())
    high = float(((most[1:] - least[:-1]) / np.diff(places)).max())
    slope = min(max(slope, low), high)  # rounding must not push it out
    return Fit(slope, low, high, math.exp(offset), error=0.0, freedom=math.inf, exact=True)


def _logs(x: Any, y: Any) -> tuple[Any, Any]:
    import numpy as np

    log_x, log_y = np.log(np.asarray(x, dtype=float)), np.log(np.asarray(y, dtype=float))
    if len(np.unique(log_x)) < 2:
        raise ValueError("a power law needs at least two different x")
    return log_x, log_y


def _line(log_x: Any, log_y: Any) -> tuple[float, float]:
    """Slope and offset of the least-squares line."""
    centred = log_x - log_x.mean()
    slope = float((centred * log_y).sum()) / float((centred**2).sum())
    return slope, float(log_y.mean() - slope * log_x.mean())
