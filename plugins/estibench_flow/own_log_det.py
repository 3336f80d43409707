"""The log-determinant of a user's own residual block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from estibench import NonNegativeInt, Own, OwnFunction, OwnPoints, flat, keeps_shape, operations
from estibench_flow.block import Residual
from estibench_flow.lanczos import log_forms, products_of_block
from estibench_flow.residual_problem import ResidualProblem

COPIES = 4  # of all Jacobians, float64, while they are decomposed
STEPS = 30  # of Lanczos for each probe of a reference
FEWEST, MOST = 8, 2**12  # probes of a reference
NUMBERS = 2**24  # entries of Krylov vectors that are held at once


@dataclass(frozen=True, kw_only=True)
class OwnLogDet(ResidualProblem):
    """log|det(I + ∂g/∂x)| at a batch of points, (batch,). Truth: LU of the whole Jacobian of a float64 copy.

    Or a reference, the mean of stochastic Lanczos quadratures over Rademacher probes. Its error is their standard error
    and, as if they were independent, the whole difference that half of the steps would make.

    Attributes:
        own: g, (batch, *shape) → (batch, *shape), each point by itself.
        data: the points, (batch, *shape).
        reference: probes behind a reference; 0 for LU.
    """

    own: OwnFunction
    data: Tensor
    reference: NonNegativeInt = 0

    @cached_property
    def residual(self) -> Residual:
        return flat(self.own.at(self.device, self.torch_dtype), tuple(self.data.shape[1:]))

    @cached_property
    def points(self) -> Tensor:
        return self.place(self.data).reshape(self.batch, self.dim)

    @cached_property
    def truth(self) -> Tensor:
        if self.reference:
            return self._probed[0]
        identity = torch.eye(self.dim, dtype=torch.float64)
        return torch.linalg.slogdet(identity + self.jacobians.detach()).logabsdet

    @property
    def truth_error(self) -> float:
        return self._probed[1] if self.reference else 0.0

    @cached_property
    def _probed(self) -> tuple[Tensor, float]:
        """Mean over the probes, (batch,), and the norm of its error."""
        exact = self.at("cpu", "float64")
        generator = torch.Generator().manual_seed(self.seed + 2)
        at_once = max(1, NUMBERS // (STEPS * self.batch * self.dim))
        whole: list[Tensor] = []
        halves: list[Tensor] = []
        for start in range(0, self.reference, at_once):
            some = min(at_once, self.reference - start)
            v = 2 * torch.randint(2, (some * self.batch, self.dim), generator=generator).double() - 1
            product = products_of_block(exact.residual, exact.points.repeat(some, 1))
            for found, kept in zip(log_forms(product, v, STEPS), (whole, halves), strict=True):
                kept.append(found.reshape(some, self.batch))
        samples = torch.cat(whole)
        noise = samples.var(0) / self.reference
        cut = samples.mean(0) - torch.cat(halves).mean(0)
        return samples.mean(0), float((noise + cut.square()).sum().sqrt())

    @property
    def truth_source(self) -> str:
        if not self.reference:
            return "LU of the whole Jacobian in float64"
        error = self.truth_error / max(float(self.truth.norm()), 1e-300)
        return f"float64 mean over {self.reference} Lanczos quadratures, relative standard error {error:.1e}"


def own_log_det(*, residual: Callable[[Tensor], Tensor], points: Tensor) -> OwnLogDet:
    """log|det| of the Jacobian of x + g(x) at your points.

    Args:
        residual: g, an `nn.Module` or a function, (batch, *shape) → (batch, *shape), each point by itself.
        points: (batch, *shape).
    """
    own = OwnFunction.of(residual, "residual")
    batch = OwnPoints.of(points, "points", own)
    keeps_shape(own, batch.placed)
    return OwnLogDet(own=own, data=batch.data, **batch.parameters)


def ladder(problem: ResidualProblem) -> list[str | Mapping[str, Any]]:
    """LU, the series cut off early and late, and the series of random length."""
    return [
        "slogdet",
        {"name": "power_series", "terms": [5, 20], "trace": "rademacher", "probes": [1, 16]},
        {"name": "russian_roulette", "probes": [1, 4, 16]},
    ]


def within(problem: OwnLogDet, most: float, memory: float) -> OwnLogDet:
    """The problem with LU, if a product for each dimension and the decomposition take no more; else with a reference.

    A step of Lanczos takes three passes through the block's graph, a product for the Jacobian one.
    """
    exact, m = problem.at("cpu", "float64"), problem.dim
    one = operations(lambda: exact.residual(exact.points))
    whole = m * one + 2 / 3 * problem.batch * m**3
    if whole <= most and COPIES * 8 * problem.batch * m**2 <= memory:
        return problem
    affordable = int(min(max(most / (3 * STEPS * one), FEWEST), MOST))
    return replace(problem, reference=1 << (affordable.bit_length() - 1))


OWN = Own(
    own_log_det,
    ladder,
    "the LU decomposition",
    "a vjp is one product of a vector with the Jacobian, at every point",
    within,
)
