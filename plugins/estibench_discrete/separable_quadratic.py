"""Many variables that do not interact: too many states to enumerate, and yet everything is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import PositiveFloat, PositiveInt
from estibench_discrete.contract import GradientProblem, Objective
from estibench_discrete.reference import Reference, separable


@dataclass(frozen=True, kw_only=True)
class SeparableQuadratic(GradientProblem):
    """∇_θ E f(z) with f(z) = L^(−½) Σ_l [c_lᵀz_l + ½ z_lᵀQ_l z_l]. Truth: closed form, shape (1, L, K).

    Score-function estimators multiply each variable's score with the noise of all others; estimators that use ∇f do
    not.

    Parameters:
        variables, values: L and K.
        spread: standard deviation of the logits.
    """

    variables: PositiveInt = 200
    values: PositiveInt = 10
    spread: PositiveFloat = 1.0

    citation = "Liu et al., Bridging discrete and backpropagation, NeurIPS 2023, section 5.1 (polynomial programming)."
    examples = ({"variables": 12},)

    @property
    def degree(self) -> int | None:
        return 2

    @cached_property
    def logits(self) -> Tensor:
        shape = (1, self.variables, self.values)
        return self.place(self.spread * torch.randn(shape, generator=self.data_generator(), dtype=torch.float64))

    @cached_property
    def _weights(self) -> tuple[Tensor, Tensor]:
        """c (L, K) and Q (L, K, K)."""
        generator = torch.Generator().manual_seed(self.seed + 1)
        L, K = self.variables, self.values
        c = torch.randn(L, K, generator=generator, dtype=torch.float64)
        Q = torch.randn(L, K, K, generator=generator, dtype=torch.float64)
        return self.place(c / L**0.5), self.place((Q + Q.mT) / (2 * L**0.5))

    def _terms(self, z: Tensor) -> Tensor:
        """f_l(z_l): (..., batch, L, K) → (..., batch, L)."""
        c, Q = self._weights
        return (c * z).sum(-1) + 0.5 * ((Q @ z[..., None])[..., 0] * z).sum(-1)

    def prepare(self) -> None:
        super().prepare()
        _ = self._weights

    @cached_property
    def objective(self) -> Objective:
        return Objective(lambda z: self._terms(z).sum(-1), self.torch_dtype)

    @cached_property
    def reference(self) -> Reference:
        return separable(self.exact.logits, self.exact._terms)

    @property
    def truth_source(self) -> str:
        return "closed form: the sum over each variable's states"
