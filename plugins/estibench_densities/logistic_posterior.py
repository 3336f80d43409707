"""The posterior of Bayesian logistic regression on real data: smooth, log-concave, unnormalised."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import torch
from torch import Tensor

from estibench import DataDensity, LaplacianDensity, PositiveFloat
from estibench_densities.datasets import check_dim, load

NEWTON_STEPS = 30


@dataclass(frozen=True, kw_only=True)
class LogisticPosterior(LaplacianDensity, DataDensity):
    """Weights x of P(y_n = ±1) = σ(y_n a_nᵀx) with prior N(0, τ²I), unnormalised. With y_n a_n the
    rows of B, (N, dim)

        log p = Σ_n log σ(Bx)_n − ‖x‖²/2τ² + const,
        ∇ log p = Bᵀσ(−Bx) − x/τ²,
        Δ log p = −Σ_n w_n(1 − w_n)‖a_n‖² − dim/τ²,   w = σ(Bx).

    Features are standardised, without an intercept. The positive label is class 1 (benign) for
    breast_cancer, else class 0 against the rest.

    Samples are approximate: from N(x*, H⁻¹) at the mode x* with H = −∇² log p(x*) (Laplace's approximation).

    Parameters:
        data: a set carried by scikit-learn; it fixes dim: breast_cancer 30, wine 13, digits 64.
        prior_scale: τ.
    """

    data: Literal["breast_cancer", "wine", "digits"] = "breast_cancer"
    prior_scale: PositiveFloat = 1.0

    citation: ClassVar[str] = (
        "Girolami and Calderhead 2011, Riemann manifold Langevin and Hamiltonian Monte Carlo methods"
    )
    examples = ({"dim": 30},)
    exact_sampler: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_dim("logistic_posterior", self.data, self.dim)

    @cached_property
    def _signed_features(self) -> Tensor:
        """B: (N, dim), float64."""
        A, target = load(self.data)
        positive = target == (1 if self.data == "breast_cancer" else 0)
        return torch.where(positive[:, None], A, -A)

    @cached_property
    def _B(self) -> Tensor:
        return self.place(self._signed_features)

    @cached_property
    def _row_norms(self) -> Tensor:
        """‖a_n‖²: (N,)."""
        return self.place(self._signed_features.square().sum(-1))

    @cached_property
    def _laplace_approximation(self) -> tuple[Tensor, Tensor]:
        """The mode x* (dim,) and H (dim, dim) by Newton's method with halved steps; float64."""
        exact, B = self.at("cpu", "float64"), self._signed_features
        prior_precision = torch.eye(self.dim, dtype=torch.float64) / self.prior_scale**2

        def curvature(x: Tensor) -> Tensor:
            w = (B @ x).sigmoid()
            return B.T @ (B * (w * (1 - w))[:, None]) + prior_precision

        x = torch.zeros(self.dim, dtype=torch.float64)
        for _ in range(NEWTON_STEPS):
            direction = torch.linalg.solve(curvature(x), exact.score(x))
            candidates = x + 0.5 ** torch.arange(30, dtype=torch.float64)[:, None] * direction
            x = candidates[exact.log_prob(candidates).argmax()]
        return x, curvature(x)

    @property
    def log_normalizer(self) -> None:
        return None

    def log_prob(self, x: Tensor) -> Tensor:
        return self._log_prob(x @ self._B.T, x)

    def _log_prob(self, t: Tensor, x: Tensor) -> Tensor:
        log_likelihood = -torch.logaddexp(-t, torch.zeros_like(t)).sum(-1)
        return log_likelihood - 0.5 * (x / self.prior_scale).square().sum(-1)

    def score(self, x: Tensor) -> Tensor:
        return self._score(x @ self._B.T, x)

    def _score(self, t: Tensor, x: Tensor) -> Tensor:
        return (-t).sigmoid() @ self._B - x / self.prior_scale**2

    def log_prob_and_score(self, x: Tensor) -> tuple[Tensor, Tensor]:
        t = x @ self._B.T
        return self._log_prob(t, x), self._score(t, x)

    @property
    def data_size(self) -> int:
        return len(self._signed_features)

    def minibatch_score(self, x: Tensor, chosen: Tensor) -> Tensor:
        """−x/τ² + (N/B) Σ_b b_b σ(−b_bᵀx)."""
        b = self._B[chosen]
        slope = (-(b @ x[..., None])[..., 0]).sigmoid()
        weight = self.data_size / chosen.shape[-1]
        return weight * (slope[..., None, :] @ b)[..., 0, :] - x / self.prior_scale**2

    def laplacian(self, x: Tensor) -> Tensor:
        t = x @ self._B.T
        return -(t.sigmoid() * (-t).sigmoid()) @ self._row_norms - self.dim / self.prior_scale**2

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        mode, H = self._laplace_approximation
        z = torch.randn(n, self.dim, generator=generator, dtype=torch.float64)
        coloured: Tensor = torch.linalg.solve_triangular(torch.linalg.cholesky(H), z, upper=False, left=False)
        return mode + coloured

    @property
    def modes(self) -> Tensor:
        return self._laplace_approximation[0][None]
