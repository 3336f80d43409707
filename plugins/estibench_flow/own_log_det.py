"""The log-determinant of a user's own residual block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from estibench import Own, OwnFunction, OwnPoints, flat, keeps_shape
from estibench_flow.residual_problem import Residual, ResidualProblem


@dataclass(frozen=True, kw_only=True)
class OwnLogDet(ResidualProblem):
    """log|det(I + ∂g/∂x)| at a batch of points, (batch,). Truth: LU of the whole Jacobian of a float64 copy.

    Attributes:
        own: g, (batch, *shape) → (batch, *shape), each point by itself.
        data: the points, (batch, *shape).
    """

    own: OwnFunction
    data: Tensor

    @cached_property
    def residual(self) -> Residual:
        return flat(self.own.at(self.device, self.torch_dtype), tuple(self.data.shape[1:]))

    @cached_property
    def points(self) -> Tensor:
        return self.place(self.data).reshape(self.batch, self.dim)

    @cached_property
    def truth(self) -> Tensor:
        identity = torch.eye(self.dim, dtype=torch.float64)
        return torch.linalg.slogdet(identity + self.jacobians.detach()).logabsdet

    @property
    def truth_source(self) -> str:
        return "LU of the whole Jacobian in float64"


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


OWN = Own(own_log_det, ladder, "the LU decomposition")
