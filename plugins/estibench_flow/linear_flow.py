"""A linear flow, under which a normal law stays normal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import linear

from estibench import PositiveFloat
from estibench_flow.field import Dynamics
from estibench_flow.flow import standard_normal
from estibench_flow.flow_problem import FlowProblem
from estibench_flow.matrices import matrix


@dataclass(frozen=True, kw_only=True)
class LinearFlow(FlowProblem):
    """z' = a(t) A z with a of mean 1: log p(x) = log N(e^{TA} x; 0, I) + T tr A.

    Parameters:
        family, rate: of A, as in `linear_ode`: generic, rotation (skew: no noise in a Hutchinson trace), decay.
        speed: a(t): constant 1, or periodic 1 + cos(2πt/T).
    """

    family: Literal["generic", "rotation", "decay"] = "generic"
    rate: PositiveFloat = 1.0
    speed: Literal["constant", "periodic"] = "constant"

    @cached_property
    def _A(self) -> Tensor:
        return self.rate * matrix(self.family, self.dim, self.data_generator())

    @property
    def skew(self) -> bool:
        return self.family == "rotation"

    def speed_at(self, t: Tensor) -> Tensor:
        """a(t)."""
        return torch.ones_like(t) if self.speed == "constant" else 1 + torch.cos(2 * math.pi * t / self.time)

    @cached_property
    def dynamics(self) -> Dynamics:
        A = self.place(self._A)
        if self.speed == "constant":
            return lambda t, z: linear(z, A)
        return lambda t, z: self.speed_at(t) * linear(z, A)

    @cached_property
    def truth(self) -> Tensor:
        end = self.exact_points @ torch.matrix_exp(self.time * self._A).T
        return standard_normal(end) + self.time * self._A.trace()

    @property
    def truth_source(self) -> str:
        return "closed form: log N(e^{TA} x) + T tr A"
