"""A neural ODE."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import PositiveInt
from estibench_flow.field import Dynamics
from estibench_flow.mlp import Network
from estibench_flow.ode_problem import OdeProblem, joined
from estibench_flow.solvers import Scheme, integrate

TIGHT = Scheme("dopri8", 1, 1e-12)


@dataclass(frozen=True, kw_only=True)
class MlpOde(OdeProblem):
    """z' = f_θ(t, z) with a network of two tanh layers (`estibench_flow.mlp`), random weights from the seed.

    Truth: backpropagation through dopri8 at a tolerance of 1e-12 in float64. The adjoint, solved as tightly, agrees to
    a relative 1e-9: a test.

    Parameters:
        hidden: width of the layers.
    """

    hidden: PositiveInt = 32

    citation = "Chen, Rubanova, Bettencourt, Duvenaud: Neural ordinary differential equations, NeurIPS 2018."

    @cached_property
    def _network(self) -> Network:
        return Network(self.dim, self.hidden)

    @cached_property
    def exact_parameters(self) -> Tensor:
        return self._network.initial(self.data_generator(), scale=2.0)

    def dynamics(self, theta: Tensor) -> Dynamics:
        return self._network.dynamics(theta)

    @cached_property
    def truth(self) -> Tensor:
        exact = self.at("cpu", "float64")
        start, theta = exact.start.clone().requires_grad_(), exact.parameters.clone().requires_grad_()
        final = integrate(exact.dynamics(theta), start, 0.0, self.time, TIGHT)
        return joined(*torch.autograd.grad(exact.loss(final), (start, theta)))

    @property
    def truth_source(self) -> str:
        return "float64 reference: backpropagation through dopri8 at tolerance 1e-12"
