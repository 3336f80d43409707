"""Gradients through the sample z = μ + σε, and their variances where log w is quadratic."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from estibench_evidence.bound import Bound
from estibench_evidence.elbo_gradient import ElboGradientProblem


def through_path(bound: Bound, noise: Tensor, v: Tensor) -> Tensor:
    """What a derivative v in z is in μ and in λ: v and σεv. (..., m), (..., m) → (..., 2m)."""
    return torch.cat([v, bound.sigma * noise * v], -1)


def entropy_gradient(bound: Bound) -> Tensor:
    """Of −E log q = Σλ + constant: 0 in μ, 1 in λ; (*data, 2m)."""
    return torch.cat([torch.zeros_like(bound.mu), torch.ones_like(bound.mu)], -1)


def variance_of_score(problem: Any) -> Tensor | None:
    """Of ∇_z log p(x, z) through the path: v = (a − Bε − ε)/σ."""
    law = problem.quadratic
    if law is None:
        return None
    M = (law.B + torch.eye(len(law.a), dtype=torch.float64)) / law.sigma[:, None]
    return law.variance_of_path(law.a / law.sigma, M)


def variance_of_likelihood(problem: Any) -> Tensor | None:
    """Of ∇_z log p(x | z) through the path: z more than before."""
    law = problem.quadratic
    if law is None:
        return None
    M = (law.B + torch.eye(len(law.a), dtype=torch.float64)) / law.sigma[:, None] - torch.diag(law.sigma)
    mu = problem.at("cpu", "float64").mu
    return law.variance_of_path(law.a / law.sigma + mu, M)


def variance_of_landing(problem: Any) -> Tensor | None:
    """Of ∇_z log w through the path: v = (a − Bε)/σ, 0 at the posterior."""
    law = problem.quadratic
    return None if law is None else law.variance_of_path(law.a / law.sigma, law.B / law.sigma[:, None])


def is_elbo(problem: Any, estimator: Any) -> bool:
    """Whether the bound has one importance sample."""
    return bool(problem.importance_samples == 1)


def at_posterior(problem: Any, estimator: Any) -> bool:
    """Whether q is known to be the posterior."""
    return problem.quadratic is not None and bool(problem.quadratic.is_posterior)


def many_samples(problem: Any, estimator: Any) -> bool:
    """Whether the bound has so many importance samples that its gradient falls as 1/K."""
    return isinstance(problem, ElboGradientProblem) and problem.importance_samples >= 16
