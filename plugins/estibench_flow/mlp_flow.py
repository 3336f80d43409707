"""A continuous normalizing flow with a random network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import PositiveFloat, PositiveInt
from estibench_flow.field import Dynamics
from estibench_flow.flow import standard_normal
from estibench_flow.flow_problem import FlowProblem
from estibench_flow.mlp import Network
from estibench_flow.solvers import Scheme, integrate

TIGHT = Scheme("dopri8", 1, 1e-12)


@dataclass(frozen=True, kw_only=True)
class MlpFlow(FlowProblem):
    """z' = f_θ(t, z) with a network of two tanh layers (`estibench_flow.mlp`), random weights from the seed.

    Truth: dopri8 at a tolerance of 1e-12 in float64, with the divergence in closed form.

    Parameters:
        hidden: width of the layers.
        scale: size of the last layer's weights.
    """

    hidden: PositiveInt = 64
    scale: PositiveFloat = 2.0

    citation = "Grathwohl et al., FFJORD, ICLR 2019."

    @cached_property
    def _network(self) -> Network:
        return Network(self.dim, self.hidden)

    @cached_property
    def _theta(self) -> Tensor:
        return self._network.initial(self.data_generator(), self.scale)

    @cached_property
    def dynamics(self) -> Dynamics:
        return self._network.dynamics(self.place(self._theta))

    @cached_property
    def truth(self) -> Tensor:
        x, m = self.exact_points, self.dim
        field, divergence = self._network.dynamics(self._theta), self._network.divergence(self._theta)

        def augmented(t: Tensor, state: Tensor) -> Tensor:
            z = state[:, :m]
            return torch.cat([field(t, z), divergence(t, z)[:, None]], -1)

        final = integrate(augmented, torch.cat([x, x.new_zeros(len(x), 1)], -1), 0.0, self.time, TIGHT)
        return standard_normal(final[:, :m]) + final[:, m]

    @property
    def truth_source(self) -> str:
        return "float64 reference: dopri8 at tolerance 1e-12, divergence in closed form"
