"""Residual blocks whose log-determinant is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import linear

from estibench import PositiveFloat, PositiveInt
from estibench_flow.block import Residual
from estibench_flow.residual_problem import ResidualProblem


@dataclass(frozen=True, kw_only=True)
class ResidualBlock(ResidualProblem):
    """x + g(x) with a Lipschitz constant of g of at most `lipschitz`.

    symmetric  g = A x, A with eigenvalues from −lipschitz to lipschitz in a random basis: Σ log(1 + λ_i)
    linear     g = A x, A Gaussian with ‖A‖₂ = lipschitz: Σ log|1 + λ_i| over its complex eigenvalues
    mlp        g = c V tanh(Wx + b), ‖V‖₂ = ‖W‖₂ = 1, c = lipschitz: det(I_m + c V D W) = det(I_h + c D W V) with
               D = diag(1 − tanh²), a determinant in h = `hidden` dimensions (Sylvester's identity)

    Parameters:
        family: of g.
        lipschitz: bound of ‖J‖₂; below 1 the block is invertible and the power series converges.
        hidden: h.
    """

    family: Literal["symmetric", "linear", "mlp"] = "mlp"
    lipschitz: PositiveFloat = 0.7
    hidden: PositiveInt = 64

    citation = "Behrmann et al., Invertible residual networks, ICML 2019; Chen et al., Residual flows, NeurIPS 2019."

    @property
    def positive_definite(self) -> bool:
        return self.family == "symmetric" and self.lipschitz < 1

    @property
    def _eigenvalues(self) -> Tensor:
        """Of the symmetric A, (m,), float64."""
        return torch.linspace(-self.lipschitz, self.lipschitz, self.dim, dtype=torch.float64)

    @cached_property
    def _weights(self) -> tuple[Tensor, ...]:
        """A; or c V, W and b. float64."""
        generator, m = self.data_generator(), self.dim
        if self.family == "symmetric":
            Q, _ = torch.linalg.qr(_normal(m, m, generator))
            return ((Q * self._eigenvalues) @ Q.T,)
        if self.family == "linear":
            return (self.lipschitz * _unit(_normal(m, m, generator)),)
        W = _unit(_normal(self.hidden, m, generator))
        V = _unit(_unit(_normal(m, self.hidden, generator)) + W.T)  # some alignment keeps the trace away from 0
        return self.lipschitz * V, W, 0.5 * _normal(1, self.hidden, generator)[0]

    @cached_property
    def residual(self) -> Residual:
        weights = tuple(map(self.place, self._weights))
        if self.family == "mlp":
            V, W, b = weights
            return lambda x: linear(torch.tanh(linear(x, W, b)), V)
        return lambda x: linear(x, weights[0])

    @cached_property
    def truth(self) -> Tensor:
        if self.family == "symmetric":
            return self._eigenvalues.log1p().sum().expand(self.batch)
        if self.family == "linear":
            return (1 + torch.linalg.eigvals(self._weights[0])).abs().log().sum().expand(self.batch)
        V, W, b = self._weights
        slopes = 1 - torch.tanh(linear(self.at("cpu", "float64").points, W, b)).square()
        small = torch.eye(self.hidden, dtype=torch.float64) + slopes[:, :, None] * (W @ V)
        return torch.linalg.slogdet(small).logabsdet

    @property
    def truth_source(self) -> str:
        return "closed form: " + ("Sylvester's identity" if self.family == "mlp" else "eigenvalues")


def _normal(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    return torch.randn(rows, columns, generator=generator, dtype=torch.float64)


def _unit(A: Tensor) -> Tensor:
    """A over its largest singular value."""
    return A / torch.linalg.matrix_norm(A, 2)
