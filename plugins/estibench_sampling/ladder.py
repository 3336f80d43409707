"""Noise levels from large to small."""

from __future__ import annotations

import math


def geometric(sigma_max: float, sigma_min: float, levels: int) -> list[float]:
    """σ_1 = sigma_max > … > σ_L = sigma_min with equal ratios; sigma_min alone for one level."""
    if levels == 1:
        return [sigma_min]
    ratio = math.log(sigma_min / sigma_max) / (levels - 1)
    return [sigma_max * math.exp(ratio * i) for i in range(levels)]


def check(sigma_max: float, sigma_min: float) -> None:
    """Raise `ValueError` unless the levels fall."""
    if sigma_min > sigma_max:
        raise ValueError(f"sigma_min is {sigma_min:g}, expected at most sigma_max, {sigma_max:g}")
