"""Vector fields f(t, z) of ODEs z' = f(t, z), and how their use is counted."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Literal

import torch
from torch import Tensor

from estibench import count

Dynamics = Callable[[Tensor, Tensor], Tensor]
"""(t, z) → dz/dt: t a scalar, z (..., dim), each point by itself; differentiable in z. A function or a module."""


class CountedField:
    """A field that counts what is spent on it, whatever a solver does.

    Each call is one `evaluation`, and one `nfe` (forward) or `nfe_backward`, as `phase` says; each backward pass
    through its value is one `vjp`, unless whoever makes it counts for itself. One call is for the whole batch.

    Attributes:
        phase: what a call counts as. Set it to `"nfe_backward"` before a gradient is asked for.
    """

    def __init__(self, dynamics: Dynamics, count_vjps: bool = True) -> None:
        self._dynamics = dynamics
        self._count_vjps = count_vjps
        self.phase: Literal["nfe", "nfe_backward"] = "nfe"

    def __call__(self, t: Tensor, z: Tensor) -> Tensor:
        count("evaluation")
        count(self.phase)
        if z.requires_grad and z.is_leaf:  # torch's hooks on modules, as of FLOP counters, refuse a leaf
            z = z.view_as(z)
        slope = self._dynamics(t, z)
        if self._count_vjps and slope.requires_grad and not torch.compiler.is_compiling():
            # On an accelerator a backward pass runs in a thread of its own, which does not see who is listening here.
            context = copy_context()
            slope.register_hook(lambda cotangent: context.run(count, "vjp"))
        return slope
