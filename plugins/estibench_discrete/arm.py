"""ARM and DisARM: antithetic pairs of binary samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from estibench import Cost, PositiveInt, Unbiased, Variance
from estibench_discrete.contract import (
    GradientProblem,
    Memoryless,
    Objective,
    is_binary_single,
    is_gradient,
    require_binary,
)
from estibench_discrete.distribution import uniforms


def arm_variance(problem: GradientProblem, estimator: Arm) -> float:
    """Total variance for a single coin, with Δ = f(1) − f(0), p and m = max(p, 1 − p):

        arm     2Δ² [⅔ (⅛ − (m − ½)³) − p²(1 − p)²] / n
        disarm  2Δ² [½ m²(1 − m) − p²(1 − p)²] / n

    The samples of a pair differ with probability 2 (1 − m), and then by Δ; ARM weighs them by u − ½, uniform beyond
    m − ½, and DisARM by its mean m/2.
    """
    known = problem.reference
    p = float(known.p[0, 0, 1])
    m = max(p, 1 - p)
    difference = known.gradient[0, 0, 1] / (p * (1 - p))
    square = 2 / 3 * (1 / 8 - (m - 0.5) ** 3) if estimator.method == "arm" else 0.5 * m**2 * (1 - m)
    return float(2 * difference**2 * (square - (p * (1 - p)) ** 2)) / estimator.samples


@dataclass(frozen=True)
class Arm(Memoryless):
    """For binary variables with p = σ(φ), φ = θ₁ − θ₀, and a uniform u for each, b = 1[1 − u < p], b̃ = 1[u < p]:

        arm     (f(b) − f(b̃)) (u − ½)
        disarm  ½ (f(b) − f(b̃)) (−1)^b̃ 1[b ≠ b̃] σ(|φ|), its mean given the pair

    are unbiased for ∂φ; θ₁ receives it, and θ₀ its negative. Both are averaged over n pairs.

    Parameters:
        method: arm or disarm (also known as U2G).
        samples: n, the number of pairs.

    Cost: 2n evaluations.
    """

    method: Literal["arm", "disarm"] = "disarm"
    samples: PositiveInt = 1

    claims = (
        Unbiased(when=lambda problem, estimator: is_gradient(problem), given="the gradient itself is wanted"),
        Variance(
            arm_variance,
            "closed form",
            when=lambda problem, estimator: is_binary_single(problem),
            given="one variable of two values",
        ),
        Cost("evaluation", lambda problem, estimator: 2 * estimator.samples * problem.calls, "2n for each gradient"),
    )
    citation = "Yin and Zhou, ARM, ICLR 2019; Dong, Mnih, Tucker, DisARM, NeurIPS 2020, eq. 4."

    def gradient(self, objective: Objective, logits: Tensor, generator: torch.Generator) -> Tensor:
        require_binary(logits)
        phi = logits[..., 1] - logits[..., 0]
        u = uniforms((self.samples, *phi.shape), logits, generator)
        b, other = 1 - u < torch.sigmoid(phi), u < torch.sigmoid(phi)
        f, f_other = (objective.value(torch.stack([~one, one], -1).to(logits.dtype)) for one in (b, other))
        if self.method == "arm":
            weight = u - 0.5
        else:
            weight = 0.5 * (b.to(phi.dtype) - other.to(phi.dtype)) * torch.sigmoid(phi.abs())
        slope = ((f - f_other)[..., None] * weight).mean(0)
        return torch.stack([-slope, slope], -1)
