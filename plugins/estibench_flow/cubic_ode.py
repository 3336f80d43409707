"""The field on which the adjoint breaks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import PositiveFloat
from estibench_flow.field import Dynamics
from estibench_flow.ode_problem import OdeProblem, joined


@dataclass(frozen=True, kw_only=True)
class CubicOde(OdeProblem):
    """z' = λ (θz − z³) in every coordinate. Forwards all starts run into ±√θ; backwards, errors grow as e^{2λθt} and
    solutions escape to infinity in finite time, so an adjoint that solves z backwards gets lost.

    A Bernoulli equation: with u = z⁻², u' = −2λθu + 2λ, hence z(T)² = θ/(1 − (1 − θ/z₀²) e^{−2λθT}).

    Parameters:
        rate: λ.
    """

    rate: PositiveFloat = 5.0

    citation = "Gholami, Keutzer, Biros: ANODE, IJCAI 2019, section 3 (fields that cannot be reversed numerically)."

    @cached_property
    def exact_start(self) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed + 1)
        size = 0.5 + torch.rand(self.batch, self.dim, generator=generator, dtype=torch.float64)
        sign = 1 - 2 * torch.randint(2, size.shape, generator=generator)
        return sign * size

    @cached_property
    def exact_parameters(self) -> Tensor:
        """θ, (dim,), between ½ and 1½."""
        return 0.5 + torch.rand(self.dim, generator=self.data_generator(), dtype=torch.float64)

    def dynamics(self, theta: Tensor) -> Dynamics:
        return lambda t, z: self.rate * (theta * z - z**3)

    @cached_property
    def truth(self) -> Tensor:
        start, theta = self.exact_start.clone().requires_grad_(), self.exact_parameters.clone().requires_grad_()
        decay = torch.exp(-2 * self.rate * self.time * theta)
        final = start.sign() * (theta / (1 - (1 - theta / start.square()) * decay)).sqrt()
        loss = 0.5 * (final - self.exact_target).square().sum() / self.batch
        return joined(*torch.autograd.grad(loss, (start, theta)))

    @property
    def truth_source(self) -> str:
        return "closed form of a Bernoulli equation, differentiated in float64"
