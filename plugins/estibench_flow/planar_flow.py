"""Planar and radial flows in continuous time, both with closed forms."""

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
class PlanarFlow(FlowProblem):
    """z' = u tanh(wᵀz + b). With s = wᵀz + b and c = wᵀu, s' = c tanh s, so

        sinh s(T) = e^{cT} sinh s(0),   z(T) = x + u (s(T) − s(0))/c,
        ∫ tr J dt = cT + log cosh s(0) − log cosh s(T).

    Parameters:
        strength: c, the same in every dimension.
    """

    strength: PositiveFloat = 2.0

    citation = "Chen et al., NeurIPS 2018, section 4 (planar CNF); Rezende and Mohamed 2015 (its residual block)."

    @cached_property
    def _weights(self) -> tuple[Tensor, Tensor, Tensor]:
        """u (m,), w (m,) of length 1, b, float64."""
        generator = self.data_generator()
        w, u, b = (torch.randn(size, generator=generator, dtype=torch.float64) for size in (self.dim, self.dim, 1))
        w = w / w.norm()
        u = u / u.norm()
        return u + (self.strength - w @ u) * w, w, 0.5 * b[0]

    @cached_property
    def dynamics(self) -> Dynamics:
        u, w, b = map(self.place, self._weights)
        return lambda t, z: torch.tanh(z @ w + b)[..., None] * u

    @cached_property
    def truth(self) -> Tensor:
        (u, w, b), c, x = self._weights, self.strength, self.exact_points
        start = x @ w + b
        growth = torch.exp(torch.tensor(c * self.time, dtype=torch.float64))
        end = torch.asinh(growth * torch.sinh(start))
        z = x + u * ((end - start) / c)[:, None]
        return standard_normal(z) + c * self.time + torch.cosh(start).log() - torch.cosh(end).log()

    @property
    def truth_source(self) -> str:
        return "closed form"
