"""Accepting and rejecting, and how often moves on an isotropic normal law are accepted."""

from __future__ import annotations

import torch
from torch import Tensor

from estibench_sampling.problem import Sampling


def accept(log_ratio: Tensor, generator: torch.Generator) -> Tensor:
    """Which moves to accept, with probability min(1, e^log_ratio): (chains,) → (chains,), booleans."""
    u = torch.rand(log_ratio.shape, generator=generator, device=log_ratio.device, dtype=log_ratio.dtype)
    return u.log_() < log_ratio


def acceptance_of_leapfrog(h: float, steps: int, variance: float, dim: int) -> float:
    """The stationary acceptance rate of HMC with so many leapfrog steps of size h on N(0, τ² I), exactly.

    A leapfrog is reversible and keeps volume, so that E min(1, e^−ΔH) = 2 P(ΔH < 0). Per coordinate it is a matrix M
    of determinant 1 acting on z = (x/τ, v) ~ N(0, I), and ΔH = ½ Σ zᵀ(MᵀM − I)z. With b ≥ 1 ≥ 1/b the eigenvalues of
    MᵀM this is ½(b − 1)U − ½(1 − 1/b)V for independent U, V ~ χ²_dim, so that

        P(ΔH < 0) = P(U/V < 1/b) = F_{dim,dim}(1/b).
    """
    from scipy.stats import f

    tau = variance**0.5
    half_kick = torch.tensor([[1.0, 0.0], [-h / 2 / tau, 1.0]], dtype=torch.float64)
    drift = torch.tensor([[1.0, h / tau], [0.0, 1.0]], dtype=torch.float64)
    M = torch.linalg.matrix_power(half_kick @ drift @ half_kick, steps)
    b = float(torch.linalg.matrix_norm(M, 2)) ** 2
    return float(2 * f.cdf(1 / b, dim, dim))


def stationary_acceptance(problem: Sampling, h: float, steps: int) -> float | None:
    """The same for chains that start in their isotropic normal target; None elsewhere."""
    modes = problem.normal_modes
    if modes is None or problem.start != "exact" or not torch.allclose(modes.variance, modes.variance[0], rtol=1e-9):
        return None
    return acceptance_of_leapfrog(h, steps, float(modes.variance[0]), problem.dim)
