"""A log-weight that is quadratic in the noise: variances of gradients, and bounds, in closed form or by quadrature."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

NOISE = (-10.0, 10.0, 201)  # from, to, places
LOG_U = (-45.0, 120.0, 0.25)  # from, to, step


@dataclass(frozen=True)
class Quadratic:
    """log w(μ + σε) = c + aᵀε − ½ εᵀBε, ε ~ N(0, I); float64 on the CPU.

    ∇_z log p(x, z) = (a − Bε − ε)/σ at z = μ + σε, as log q falls by ε/σ there.

    Attributes:
        c: a number.
        a: (m,).
        B: symmetric, (m, m).
        sigma: σ, (m,).
    """

    c: float
    a: Tensor
    B: Tensor
    sigma: Tensor

    @cached_property
    def elbo_gradient(self) -> Tensor:
        """∂μ: a/σ; ∂λ_j: −B_jj. (2m,)."""
        return torch.cat([self.a / self.sigma, -self.B.diagonal()])

    @cached_property
    def is_posterior(self) -> bool:
        """Whether q is the posterior: w does not depend on ε."""
        return bool(torch.cat([self.a[None], self.B]).abs().max() < 1e-10)

    def variance_of_path(self, k: Tensor, M: Tensor) -> Tensor:
        """Of one v = k − Mε for μ and one σεv for λ, each component: (2m,).

        Var v_j = Σ_i M_ji². In ε_j v_j the terms k_j ε_j, M_jj ε_j² and M_ji ε_i ε_j are uncorrelated, of variances
        k_j², 2M_jj² and M_ji².
        """
        rows = M.square().sum(1)
        return torch.cat([rows, self.sigma.square() * (k.square() + M.diagonal().square() + rows)])

    def variance_of_score_function(self, samples: int, centred: bool) -> Tensor:
        """Of the mean of f s over so many samples, or of the sample covariance of f and s, f = log w; (2m,).

        s is ε_j/σ_j for μ and ε_j² − 1 for λ. By Stein's lemma, with F = f² (or that of f − E f),

            E F ε_j² = E F + E F_jj,   E F (ε_j² − 1)² = 2 E F + 4 E F_jj + E F_jjjj,
            E F_jj = 2(a_j² + Σ_i B_ji²) − 2 B_jj E f,   F_jjjj = 6 B_jj².

        The sample covariance of n pairs has the variance [μ₂₂ − μ₁₁² (n − 2)/(n − 1) + μ₂₀ μ₀₂/(n − 1)]/n.
        """
        a, B, n, truth = self.a, self.B, samples, self.elbo_gradient
        spread = float(a.square().sum() + 0.5 * B.square().sum())  # Var f
        mean = 0.0 if centred else self.c - 0.5 * float(B.trace())
        F, curved = spread + mean**2, 2 * (a.square() + B.square().sum(1)) - 2 * B.diagonal() * mean
        second = torch.cat([(F + curved) / self.sigma**2, 2 * F + 4 * curved + 6 * B.diagonal().square()])
        if not centred:
            return (second - truth.square()) / n
        own = torch.cat([1 / self.sigma**2, torch.full_like(a, 2.0)])  # Var s
        return (second - truth.square() * (n - 2) / (n - 1) + spread * own / (n - 1)) / n

    def bound_gradient(self, K: int) -> Tensor:
        """∇ L_K = K ∫₀^∞ φ(u)^(K−1) E[w ∇log w e^(−uw)] du with φ(u) = E e^(−uw), from 1/Σw = ∫ e^(−uΣw) du; (2m,).

        Trapezoidal sums over ε, in at most two dimensions, and over log u: integrands are smooth and vanish at the
        ends, where such sums converge exponentially. ∇log w is that of the path, ∂μ: ∇_z log p; ∂λ: σε∇_z log p + 1.
        w is taken relative to its mean.
        """
        m = len(self.a)
        line = torch.linspace(*NOISE, dtype=torch.float64)
        noise = torch.cartesian_prod(*[line] * m).reshape(-1, m)
        mass = torch.exp(-0.5 * noise.square().sum(-1))
        mass /= mass.sum()
        w = (noise @ self.a - 0.5 * ((noise @ self.B) * noise).sum(-1)).exp()
        w /= (mass * w).sum()
        slope = self.a - noise @ self.B - noise  # σ ∇_z log p
        path = torch.cat([slope / self.sigma, noise * slope + 1], -1)
        found = torch.zeros(2 * m, dtype=torch.float64)
        for log_u in torch.arange(*LOG_U, dtype=torch.float64):
            decay = mass * (-log_u.exp() * w).exp()
            found += decay.sum() ** (K - 1) * log_u.exp() * ((decay * w) @ path)
        return K * LOG_U[2] * found
