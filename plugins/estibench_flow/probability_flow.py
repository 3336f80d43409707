"""The probability-flow ODE of a diffusion whose data have a known law: a non-linear field, and log p exactly."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import torch
from torch import Tensor

from estibench import Density, NoisedDensity
from estibench_flow.field import Dynamics
from estibench_flow.flow import standard_normal
from estibench_flow.flow_problem import FlowProblem
from estibench_flow.solvers import Scheme, integrate

BETA = (0.1, 20.0)  # of the VP process, at t = 0 and t = 1
SIGMA = (0.01, 10.0)  # of the VE process
TIGHT = Scheme("dopri8", 1, 1e-10)
KEPT = 8192  # times whose laws are kept: solvers come back to the same ones


@dataclass(frozen=True, kw_only=True)
class ProbabilityFlow(FlowProblem):
    """z' = −½ g(t)² s_t(z) + (drift), with the score s_t of the diffused data, which for a mixture is known:

        vp   z' = −½ β(t) (z + s_t(z)),      z_t = α_t x + σ_t ε,   log α_t = −½ ∫₀ᵗ β,   σ_t² = 1 − α_t²
        ve   z' = −½ (dσ_t²/dt) s_t(z),      z_t = x + √(σ_t² − σ_0²) ε,   σ_t = σ_0 (σ_1/σ_0)ᵗ

    with β from 0.1 to 20 and σ from 0.01 to 10 on [0, 1] (Song et al. 2021). The flow carries p_0, the law of the data,
    to p_T, so log p_0 is the truth although the field is not linear.

    Parameters:
        density: the law of the data, normalised. It takes its dimension from `dim`.
        process: vp or ve.
        prior: what estimators take for p_T: `exact`, or the `normal` of practice, N(0, I) or N(0, (σ_1² − σ_0²) I),
            whose mismatch is then an error of every estimate.
    """

    density: NoisedDensity
    process: Literal["vp", "ve"] = "vp"
    prior: Literal["exact", "normal"] = "exact"

    examples = ({"density": "gaussian_mixture", "batch": 4},)
    citation = "Song et al., Score-based generative modeling through SDEs, ICLR 2021, equation 13 and appendix C."

    def __post_init__(self) -> None:
        if self.time > 1:
            raise ValueError(f"the process ends at 1, so time cannot be {self.time:g}")
        if self.density.log_normalizer is None:
            raise ValueError(f"{type(self.density).__name__} is not normalised, so its log-density is not known")

    @cached_property
    def exact_points(self) -> Tensor:
        """x, (batch, dim), samples of the data."""
        return self.density.sample(self.batch, torch.Generator().manual_seed(self.seed + 1))

    def scale_and_noise(self, t: float) -> tuple[float, float]:
        """α and σ of z_t = α x + σ ε."""
        if self.process == "vp":
            integral = BETA[0] * t + 0.5 * (BETA[1] - BETA[0]) * t * t
            return math.exp(-0.5 * integral), math.sqrt(-math.expm1(-integral))
        return 1.0, math.sqrt(max(_sigma(t) ** 2 - _sigma(0) ** 2, 0.0))

    @cached_property
    def _law(self) -> Callable[[float], tuple[float, Density]]:
        """t → α and the law of z_t/α = x + (σ/α) ε."""
        density = self.density.at(self.device, self.dtype)

        @lru_cache(maxsize=KEPT)
        def law(t: float) -> tuple[float, Density]:
            scale, noise = self.scale_and_noise(t)
            return scale, density.noised(noise / scale) if noise > 0 else density

        return law

    def log_marginal(self, t: float, z: Tensor) -> Tensor:
        """log p_t(z): (..., dim) → (...)."""
        scale, law = self._law(t)
        normalizer = law.log_normalizer
        assert normalizer is not None
        return law.log_prob(z / scale) - normalizer - self.dim * math.log(scale)

    @cached_property
    def dynamics(self) -> Dynamics:
        def field(t: Tensor, z: Tensor) -> Tensor:
            time = float(t)
            scale, law = self._law(time)
            score = law.score(z / scale) / scale
            if self.process == "vp":
                return -0.5 * (BETA[0] + (BETA[1] - BETA[0]) * time) * (z + score)
            return -(_sigma(time) ** 2) * math.log(SIGMA[1] / SIGMA[0]) * score

        return field

    def log_prior(self, z: Tensor) -> Tensor:
        return self.log_marginal(self.time, z) if self.prior == "exact" else self._log_normal(z)

    def _log_normal(self, z: Tensor) -> Tensor:
        spread = 1.0 if self.process == "vp" else self.scale_and_noise(self.time)[1]
        return standard_normal(z / spread) - self.dim * math.log(spread)

    @cached_property
    def prior_mismatch(self) -> Tensor:
        if self.prior == "exact":
            return torch.zeros(self.batch, dtype=torch.float64)
        exact = self.at("cpu", "float64")
        end = integrate(exact.dynamics, exact.points, 0.0, self.time, TIGHT)
        return exact._log_normal(end) - exact.log_marginal(self.time, end)

    @cached_property
    def truth(self) -> Tensor:
        return self.at("cpu", "float64").log_marginal(0.0, self.exact_points)

    @property
    def truth_source(self) -> str:
        return "closed form: the density of the data"


def _sigma(t: float) -> float:
    return SIGMA[0] * (SIGMA[1] / SIGMA[0]) ** t
