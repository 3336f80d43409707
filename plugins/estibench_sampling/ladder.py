"""Noise levels from large to small."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

Spacing = Literal["karras", "geometric", "vp", "cosine"]

RHO = 7.0
BETA_MIN, BETA_MAX = 0.1, 20.0
RISE = BETA_MAX - BETA_MIN


def geometric(sigma_max: float, sigma_min: float, levels: int) -> list[float]:
    """σ_1 = sigma_max > … > σ_L = sigma_min with equal ratios; sigma_min alone for one level."""
    if levels == 1:
        return [sigma_min]
    return spaced("geometric", sigma_max, sigma_min, levels)


def spaced(spacing: Spacing, sigma_max: float, sigma_min: float, levels: int) -> list[float]:
    """σ_1 = sigma_max > … > σ_L = sigma_min, equally spaced in a coordinate; sigma_max alone for one level.

    karras: σ^{1/7} (Karras et al. 2022, equation 5). geometric: log σ. vp and cosine: the time t of a
    variance-preserving process x_t = αx_0 + sε, in which σ = s/α is √(e^{∫β} − 1) for β = 0.1 + 19.9t (Song et al.
    2021, equation 33), and tan(πt/2) for α = cos(πt/2) (Nichol and Dhariwal 2021, without their offset).
    """
    into, back = COORDINATES[spacing]
    first, last = into(sigma_max), into(sigma_min)
    return [back(first + (last - first) * i / max(1, levels - 1)) for i in range(levels)]


def _vp_time(sigma: float) -> float:
    return (-BETA_MIN + math.sqrt(BETA_MIN**2 + 2 * RISE * math.log1p(sigma**2))) / RISE


def _vp_level(t: float) -> float:
    return math.sqrt(math.expm1(0.5 * RISE * t**2 + BETA_MIN * t))


COORDINATES: dict[Spacing, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "karras": (lambda sigma: sigma ** (1 / RHO), lambda u: u**RHO),
    "geometric": (math.log, math.exp),
    "vp": (_vp_time, _vp_level),
    "cosine": (math.atan, math.tan),
}


def check(sigma_max: float, sigma_min: float) -> None:
    """Raise `ValueError` unless the levels fall."""
    if sigma_min > sigma_max:
        raise ValueError(f"sigma_min is {sigma_min:g}, expected at most sigma_max, {sigma_max:g}")
