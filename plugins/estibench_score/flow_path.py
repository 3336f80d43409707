"""Paths from noise to data, x_t = α_t x_1 + σ_t x_0 with x_0 ~ N(0, I), and the velocity of the law on them."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from estibench import NoisedDensity

PathName = Literal["linear", "variance_preserving"]
Regression = Literal["velocity", "denoiser"]


@dataclass(frozen=True)
class Point:
    """A path at one time t: x_t = αx_1 + σx_0, and what is regressed on, ẋ_t = α̇x_1 + σ̇x_0.

    Attributes:
        time: t, between 0 (noise) and 1 (data), both excluded.
        alpha, sigma: α and σ.
        alpha_rate, sigma_rate: their derivatives in t, α̇ and σ̇; 0 and 1 where the noise itself is regressed on.
    """

    time: float
    alpha: float
    sigma: float
    alpha_rate: float
    sigma_rate: float

    @property
    def coefficients(self) -> tuple[float, float, float, float]:
        """α, σ, α̇, σ̇."""
        return self.alpha, self.sigma, self.alpha_rate, self.sigma_rate

    @property
    def denoiser(self) -> Point:
        """The same place with x_0 for ẋ_t. A regression on it learns η_t(x) = E[x_0 | x_t = x], −σ times the score of
        the law of x_t, with which a stochastic interpolant's flow becomes a diffusion.

        Source: Albergo, Boffi and Vanden-Eijnden 2023, Stochastic interpolants: a unifying framework for flows and
        diffusions, on one-sided interpolants: the latent noise is the start.
        """
        return dataclasses.replace(self, alpha_rate=0.0, sigma_rate=1.0)


def point(path: PathName, t: float) -> Point:
    """`linear`: α = t, σ = 1 − t. `variance_preserving`: α = sin(πt/2), σ = cos(πt/2), so that α² + σ² = 1.

    Source: Lipman et al. 2023, Flow matching for generative modeling, equation 20 (with σ_min = 0); Albergo and
    Vanden-Eijnden 2023, Building normalizing flows with stochastic interpolants, equation 5.
    """
    if path == "linear":
        return Point(t, t, 1 - t, 1.0, -1.0)
    alpha, sigma, rate = math.sin(math.pi * t / 2), math.cos(math.pi * t / 2), math.pi / 2
    return Point(t, alpha, sigma, rate * sigma, -rate * alpha)


class MarginalVelocity:
    """u_t(x) = E[ẋ_t | x_t = x], the velocity that carries the law of x_t, from the score of a noised density.

    x_t/α is data with noise of standard deviation σ/α, so the score of its law is s(x) = ∇log p_{σ/α}(x/α)/α. By
    Tweedie E[x_0 | x] = −σs and E[x_1 | x] = (x + σ²s)/α, hence

        u_t(x) = (α̇/α)(x + σ²s) − σ̇σs,   or −σs where the noise is regressed on.

    Args:
        law: of the data, on some device in some dtype.
        at: the path at t.
    """

    def __init__(self, law: NoisedDensity, at: Point) -> None:
        self.at = at
        self._noised = law.noised(at.sigma / at.alpha).at(law.device, law.dtype)

    def __call__(self, x: Tensor) -> Tensor:
        """(..., m) → (..., m)."""
        alpha, sigma, alpha_rate, sigma_rate = self.at.coefficients
        score = self._noised.score(x / alpha) / alpha
        growth = alpha_rate / alpha
        return growth * x + (growth * sigma**2 - sigma_rate * sigma) * score
