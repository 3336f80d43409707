"""Gumbel-softmax for a single variable of two values, integrated over its noise.

The difference of two Gumbels is logistic. With δ = θ₁ − θ₀ and x = (δ + logistic)/τ, of density τ λ(τx − δ) with
λ = σ(1 − σ), the relaxed sample is y = (1 − σ(x), σ(x)), and an estimate is (−h, h) with

    h(x) = σ'(x)/τ · (∂₁f − ∂₀f) at y, or at the y of another temperature τ', (1 − σ(τx/τ'), σ(τx/τ')): at the nearest
           corner, τ' = 0, for the straight-through form.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from estibench_discrete.contract import GradientProblem

REACH = 45.0  # σ'(x) < 3e-20 beyond
NODES = 16


def binary_halves(problem: GradientProblem, tau: float, forward: float) -> tuple[Tensor, Tensor, Tensor]:
    """P(z = e_k), E h 1[z = e_k] and E h² 1[z = e_k] for k = 0, 1, with z the corner next to y; each (2,).

    By Gauss–Legendre rules on panels that no kink and no narrow density crosses.

    Args:
        forward: τ', at whose relaxed sample ∇f is taken; 0 for the corner.
    """
    exact = problem.exact
    delta = float(exact.logits[0, 0, 1] - exact.logits[0, 0, 0])
    finest = min(1.0, 1 / tau, *([forward / tau] if forward else []))
    panels = 2 * math.ceil(REACH / finest)
    nodes, weights = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(NODES))
    width = 2 * REACH / panels
    starts = torch.arange(panels, dtype=torch.float64)[:, None] * width - REACH
    x = (starts + width / 2 * (nodes + 1)).reshape(-1)
    y = torch.sigmoid(tau / forward * x) if forward else (x > 0).to(x.dtype)
    z = torch.stack([1 - y, y], -1)[:, None, None]  # (nodes, 1, 1, 2)
    v: Tensor = torch.func.grad(lambda point: exact.objective.function(point).sum())(z)[:, 0, 0]
    slope = torch.sigmoid(x) * torch.sigmoid(-x) * (v[:, 1] - v[:, 0])
    s = tau * x - delta
    weighted = (width / 2 * weights).repeat(panels) * torch.sigmoid(s) * torch.sigmoid(-s)
    first, second = ((weighted * values).reshape(2, -1).sum(1) for values in (slope, slope**2 / tau))
    return torch.softmax(exact.logits[0, 0], 0), first, second


def binary_moments(problem: GradientProblem, tau: float, forward: float) -> tuple[float, float]:
    """E h and E h²."""
    _, first, second = binary_halves(problem, tau, forward)
    return float(first.sum()), float(second.sum())
