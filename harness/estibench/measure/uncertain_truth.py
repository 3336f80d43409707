"""Intervals and tests where the truth is a reference with a standard error of its own.

The reference is t̂ = t + e with E e = 0 and √E‖e‖² = τ, made independently of the draws. Draws g of bias b are compared
with t̂, so that

    E‖g − t̂‖² = E‖g − t‖² + ‖e‖² − 2 bᵀe,      ‖E g − t̂‖ is within ‖e‖ of ‖b‖.

Intervals allow ‖e‖ ≤ zτ with z the normal quantile of the confidence, tests `DOUBT` · τ: a norm of several components
exceeds that even more rarely than the single one that sets z.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from scipy import special

from estibench.measure.intervals import Interval
from estibench.measure.statistics import Moments

DOUBT = 5.0  # standard errors of the truth that no test counts as a bias


def widened(found: Mapping[str, Interval], m: Moments, norm: float, confidence: float) -> dict[str, Interval]:
    """The intervals of `estibench.measure.metrics` about t instead of t̂.

    Args:
        norm: ‖t̂‖.
    """
    tau = m.truth_error
    if tau == 0:
        return dict(found)
    off = float(special.ndtri(0.5 + confidence / 2)) * tau
    bias = widened_bias(found["bias"], tau, confidence)
    cross = 2 * bias.high * off
    mse = found["mse"]
    mse = Interval(max(mse.value - tau**2, 0.0), max(mse.low - off**2 - cross, 0.0), mse.high + cross)
    about: dict[str, Interval] = {
        "mse": mse,
        "rmse": mse.root(),
        "bias": bias,
        "bias_squared": Interval(found["bias_squared"].value - tau**2, bias.low**2, bias.high**2),
        "mean_error": _shifted(found["mean_error"], off / math.sqrt(m.components)),
        "component_bias_max": _shifted(found["component_bias_max"], off, least=0.0),
        "component_rmse_max": _shifted(found["component_rmse_max"], off, least=0.0),
    }
    if norm > 0:
        about |= {
            "relative_rmse": _relative(about["rmse"], norm, off),
            "relative_bias": _relative(bias, norm, off),
        }
    if "cosine" in found:
        about["cosine"] = _shifted(found["cosine"], off / norm).clipped(-1.0, 1.0)
    return {**found, **about}


def widened_bias(bias: Interval, tau: float, confidence: float) -> Interval:
    """‖b‖ from ‖E g − t̂‖."""
    if tau == 0:
        return bias
    off = float(special.ndtri(0.5 + confidence / 2)) * tau
    return Interval(math.sqrt(max(bias.value**2 - tau**2, 0.0)), max(bias.low - off, 0.0), bias.high + off)


def doubted(m: Moments) -> Moments:
    """The same for tests, which count no error up to that of the truth."""
    return replace(m, rounding=m.rounding + DOUBT * m.truth_error) if m.truth_error else m


def power_in_doubt(power: Mapping[str, Any], m: Moments, matters: float) -> dict[str, Any]:
    """The power of a test against a bias of norm `matters`, of which the truth's error hides a part."""
    hidden = DOUBT * m.truth_error
    if hidden == 0:
        return dict(power)
    if matters <= hidden:
        reason = f"the truth itself is known to ± {m.truth_error:.2g} only, too little to find a bias of {matters:.2g}"
        return {"draws": m.n, "noncentrality": 0.0, "reason": reason}
    left = (1 - hidden / matters) ** 2
    return {**power, "noncentrality": power.get("noncentrality", math.inf) * left}


def _shifted(found: Interval, off: float, least: float = -math.inf) -> Interval:
    return Interval(found.value, max(found.low - off, least), found.high + off)


def _relative(found: Interval, norm: float, off: float) -> Interval:
    """Over ‖t‖, which is within `off` of ‖t̂‖; without bounds where that may be 0."""
    if off >= norm:
        return Interval(found.value / norm, math.nan, math.nan)
    return Interval(found.value / norm, found.low / (norm + off), found.high / (norm - off))
