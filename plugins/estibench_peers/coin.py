"""What relaxed samples of one coin are worth, exactly: the documentation of a relaxation as a number."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from estibench_discrete import GradientProblem

REACH, CELLS = 40.0, 80_000  # σ(±40) is 0 or 1; cells are symmetric, so that hard samples jump between two of them


def is_coin(problem: Any) -> bool:
    """Whether there is one variable of two values, under an objective that is asked for itself."""
    return isinstance(problem, GradientProblem) and problem.plain and tuple(problem.logits.shape) == (1, 1, 2)


def relaxed_bias(problem: GradientProblem, tau: float, hard: bool) -> Tensor:
    """E ∇_θ f(y) − g for y = softmax((θ + gumbels)/τ), (1, 1, 2); with `hard`, ∇f is taken at one_hot(argmax y).

    y_1 = σ(s), s = (Δ + ℓ)/τ with logistic ℓ and Δ = θ_1 − θ_0, so that ∂f(y)/∂θ_1 = (∂_1 f − ∂_0 f) y_0 y_1/τ and

        E ∂f(y)/∂θ_1 = ∫ (∂_1 f − ∂_0 f) σ(s) σ(−s) q(τs − Δ) ds,   q(ℓ) = σ(ℓ) σ(−ℓ).
    """
    exact = problem.exact
    s = (torch.arange(CELLS, dtype=torch.float64) + 0.5) * (2 * REACH / CELLS) - REACH
    y = torch.stack([torch.sigmoid(-s), torch.sigmoid(s)], -1)
    at = torch.nn.functional.one_hot(y.argmax(-1), 2).double() if hard else y
    slope = exact.objective.gradient(at[:, None, None])[:, 0, 0]
    noise = tau * s - (exact.logits[0, 0, 1] - exact.logits[0, 0, 0])
    weight = torch.sigmoid(s) * torch.sigmoid(-s) * torch.sigmoid(noise) * torch.sigmoid(-noise)
    mean = ((slope[:, 1] - slope[:, 0]) * weight).sum() * (2 * REACH / CELLS)
    return torch.stack([-mean, mean])[None, None] - problem.truth
