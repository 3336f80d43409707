"""A radial flow in continuous time, with a closed form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import PositiveFloat
from estibench_flow.field import Dynamics
from estibench_flow.flow import standard_normal
from estibench_flow.flow_problem import FlowProblem


@dataclass(frozen=True, kw_only=True)
class RadialFlow(FlowProblem):
    """z' = β (z − c)/(α + r), r = ‖z − c‖. Directions stay, and r' = β r/(α + r), so

        α log r(T) + r(T) = α log r(0) + r(0) + βT,
        ∫ tr J dt = (m − 1) log(r(T)/r(0)) + log(r'(T)/r'(0)),

    the first by Lambert's W: r(T) = α W(e^{(α log r(0) + r(0) + βT)/α}/α).

    Parameters:
        alpha: α, below which radii grow exponentially.
        beta: β.
    """

    alpha: PositiveFloat = 1.0
    beta: PositiveFloat = 2.0

    citation = "Rezende and Mohamed, ICML 2015, equation 14 (the residual block that is its Euler step)."

    @cached_property
    def _centre(self) -> Tensor:
        return 0.5 * torch.randn(self.dim, generator=self.data_generator(), dtype=torch.float64)

    @cached_property
    def dynamics(self) -> Dynamics:
        c = self.place(self._centre)

        def field(t: Tensor, z: Tensor) -> Tensor:
            y = z - c
            return self.beta * y / (self.alpha + torch.linalg.vector_norm(y, dim=-1, keepdim=True))

        return field

    @cached_property
    def truth(self) -> Tensor:
        from scipy.special import lambertw

        y = self.exact_points - self._centre
        start = y.norm(dim=-1)
        exponent = start.log() + (start + self.beta * self.time) / self.alpha
        end = self.alpha * torch.from_numpy(lambertw((exponent.exp() / self.alpha).numpy()).real)
        velocities = end * (self.alpha + start) / (start * (self.alpha + end))
        z = self._centre + y * (end / start)[:, None]
        return standard_normal(z) + (self.dim - 1) * (end / start).log() + velocities.log()

    @property
    def truth_source(self) -> str:
        return "closed form, by Lambert's W"
