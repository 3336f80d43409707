"""The divergence of a field whose Jacobian splits into a diagonal and a hollow part."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import PositiveInt
from estibench_trace.contract import DivergenceProblem, Split
from estibench_trace.operators import Field

CONTEXT = 4  # numbers that a coordinate is told of all others


@dataclass(frozen=True, kw_only=True)
class HollowJacobian(DivergenceProblem):
    """div f of f_i(x) = τ_i(x_i, h_i), h_i a function of all x_j but x_i, at `batch` standard normal points.

        h_i = Σ_{j≠i} W_ij tanh(x_j) ∈ R⁴,   τ_i(x, h) = Σ_u c_iu tanh(a_iu x + B_uᵀh + b_u)

    Truth: closed form, Σ_i Σ_u c_iu a_iu (1 − tanh²(a_iu x_i + B_uᵀh_i + b_u)).

    Parameters:
        hidden: the number of u.
    """

    hidden: PositiveInt = 16

    citation = "Chen and Duvenaud, Neural networks with cheap differential operators, NeurIPS 2019, section 2."
    examples = ({"dim": 16, "batch": 4, "hidden": 8},)

    @cached_property
    def _weights(self) -> tuple[Tensor, ...]:
        """W, a, B, b and c, float64; c's alignment with a keeps the trace away from 0."""
        generator, m, n = self.data_generator(), self.dim, self.hidden

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        W = normal(CONTEXT, m, m) / m**0.5
        W = W - torch.diag_embed(W.diagonal(dim1=1, dim2=2))
        a = normal(m, n)
        return W, a, normal(n, CONTEXT) / CONTEXT**0.5, 0.5 * normal(n), normal(m, n) / n**0.5 + a / n

    @cached_property
    def split(self) -> Split:
        W, a, B, b, c = map(self.place, self._weights)

        def conditioner(x: Tensor) -> Tensor:
            return torch.einsum("kij,...j->...ik", W, torch.tanh(x))

        def transformer(x: Tensor, h: Tensor) -> Tensor:
            return (c * torch.tanh(a * x[..., None] + h @ B.mT + b)).sum(-1)

        return Split(conditioner, transformer)

    @cached_property
    def field(self) -> Field:
        conditioner, transformer = self.split.conditioner, self.split.transformer
        return lambda x: transformer(x, conditioner(x))

    @cached_property
    def points(self) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed + 1)
        return self.place(torch.randn(self.batch, self.dim, generator=generator, dtype=torch.float64))

    @cached_property
    def truth(self) -> Tensor:
        W, a, B, b, c = self._weights
        x = self.points.to(device="cpu", dtype=torch.float64)
        told = torch.einsum("kij,uk,nj->niu", W, B, torch.tanh(x))
        return (c * a * (1 - torch.tanh(a * x[..., None] + told + b).square())).sum((1, 2))

    @property
    def truth_source(self) -> str:
        return "closed form"
