"""How a model of the score is sampled: along its noise levels, or by Langevin dynamics at its one level."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from estibench_score.ode import even, solve

SamplerName = Literal["none", "annealed_langevin", "predictor_corrector", "probability_flow"]
Score = Callable[[Tensor, float], Tensor]
"""(x, σ) → the score of the law at noise level σ, (..., m) → (..., m)."""

RATIO = 0.25  # η/σ² of annealed Langevin
SNR = 0.16  # r of the corrector


def langevin(
    score: Callable[[Tensor], Tensor], x: Tensor, eta: float, steps: int, generator: torch.Generator
) -> Tensor:
    """x + η s(x) + √(2η) ξ, so many times: unadjusted, so that on N(0, τ²) its law tends to variance τ²/(1 − η/2τ²).

    Source: Roberts and Tweedie 1996, Exponential convergence of Langevin distributions and their discrete
    approximations.
    """
    for _ in range(steps):
        x = x + eta * score(x) + math.sqrt(2 * eta) * _normal(x, generator)
    return x


def annealed_langevin(
    score: Score, x: Tensor, levels: Sequence[float], steps: int, generator: torch.Generator
) -> Tensor:
    """At each of the levels in turn, from the greatest, an equal share of the steps with η = σ²/4 (rounded up).

    Source: Song and Ermon 2019, Generative modeling by estimating gradients of the data distribution, algorithm 1.
    """
    each = math.ceil(steps / len(levels))
    for sigma in sorted(levels, reverse=True):
        x = langevin(partial(_at, score, sigma), x, RATIO * sigma**2, each, generator)
    return x


def predictor_corrector(
    score: Score, x: Tensor, levels: Sequence[float], steps: int, generator: torch.Generator
) -> Tensor:
    """Down as many geometric levels as there are steps, σ to τ each time: x + (σ² − τ²)s_σ + √(σ² − τ²) ξ, then a
    step of Langevin dynamics at τ with η = 2r²τ². From the least level Tweedie's formula leads to 0.

    Source: Song, Sohl-Dickstein, Kingma, Kumar, Ermon and Poole 2021, Score-based generative modeling through
    stochastic differential equations, algorithm 2.
    """
    ladder = geometric(max(levels), min(levels), steps)
    for sigma, tau in pairwise(ladder):
        gap = sigma**2 - tau**2
        x = x + gap * score(x, sigma) + math.sqrt(gap) * _normal(x, generator)
        x = langevin(partial(_at, score, tau), x, 2 * (SNR * tau) ** 2, 1, generator)
    return x + ladder[-1] ** 2 * score(x, ladder[-1])


def probability_flow(score: Score, x: Tensor, levels: Sequence[float], steps: int) -> Tensor:
    """dx/dλ = −σ²s_σ(x), λ = log σ, from the greatest level to the least, by steps of order 4.

    Source: Song et al. 2021, equation 13, for the variance-exploding diffusion.
    """
    logs = even(math.log(max(levels)), math.log(min(levels)), steps)
    return solve(lambda x, log: -math.exp(2 * log) * score(x, math.exp(log)), x, logs)


def geometric(greatest: float, least: float, steps: int) -> list[float]:
    """Both, and what so many steps pass in between, in equal ratios."""
    return [greatest * (least / greatest) ** (k / steps) for k in range(steps + 1)]


def _normal(x: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)


def _at(score: Score, sigma: float, x: Tensor) -> Tensor:
    return score(x, sigma)
