"""A residual block x + g(x) at points, and products with its Jacobian, counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import count
from estibench_flow.pullback import Pullback, pullback

Residual = Callable[[Tensor], Tensor]
"""g: (..., dim) → (..., dim), each point by itself. A function or a module."""


@dataclass(frozen=True)
class Block:
    """What a method for log|det(I + J)|, J = ∂g/∂x, works on.

    Attributes:
        residual: g.
        points: x, (batch, dim); of runs side by side (runs, batch, dim).
        differentiable: for training: products are differentiable in all that g and x depend on.
    """

    residual: Residual
    points: Tensor
    differentiable: bool = False

    @property
    def dim(self) -> int:
        """m."""
        return self.points.shape[-1]

    def vjp(self) -> tuple[Tensor, Pullback]:
        """g(x), (..., dim), and v ↦ vᵀJ, (k, ..., dim) → (k, ..., dim), as by `torch.func.vjp`.

        Counts one `evaluation`, and one `vjp` for each of the k cotangents of a call.
        """
        count("evaluation")
        x, g = self._evaluated
        return self.value, pullback(g, x, self.differentiable)

    @property
    def value(self) -> Tensor:
        """g(x), (..., dim), uncounted: methods have evaluated it already."""
        g = self._evaluated[1]
        return g if self.differentiable else g.detach()

    @cached_property
    def _evaluated(self) -> tuple[Tensor, Tensor]:
        """x as a node of a graph, and g(x)."""
        x = self.points
        if not (self.differentiable and x.requires_grad):
            x = x.detach().requires_grad_()
        with torch.enable_grad():
            return x, self.residual(x.view_as(x))  # torch's hooks on modules refuse a leaf
