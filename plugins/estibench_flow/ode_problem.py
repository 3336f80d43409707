"""The contract of `ode_gradient`: an ODE with parameters, a start and a loss of its end."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from estibench import PositiveFloat, PositiveInt, Problem
from estibench_flow.capabilities import HasOwnSolver
from estibench_flow.field import CountedField, Dynamics


@dataclass(frozen=True, kw_only=True)
class OdeProblem(Problem):
    """The gradient of L = ½ mean_b ‖z_b(T) − y_b‖² in z(0) and θ, where z' = f_θ(t, z), (batch · dim + p,).

    Truth: the gradient of the exact solution. There is a second one, the gradient of the solution that an estimator's
    solver computes (optimise-then-discretise is not discretise-then-optimise): `error_discretised` is the relative
    distance to that, from backpropagation through the same solver in float64, where the estimator has one to show.

    Parameters:
        dim: of z.
        batch: points that are integrated together.
        time: T.
    """

    dim: PositiveInt = 8
    batch: PositiveInt = 16
    time: PositiveFloat = 1.0

    @abstractmethod
    def dynamics(self, theta: Tensor) -> Dynamics:
        """f_θ, differentiable in θ, (p,), in the dtype and on the device of θ. Of a module: `ModuleDynamics`."""

    def field(self, theta: Tensor) -> CountedField:
        """f_θ as estimators call it, θ (p,) a leaf: z (batch, dim) → (batch, dim).

        Each call counts one `evaluation` and one `nfe`, each backward pass through its value one `vjp`.
        """
        return CountedField(self.dynamics(theta))

    @property
    @abstractmethod
    def exact_parameters(self) -> Tensor:
        """θ, (p,), float64 on the CPU."""

    @cached_property
    def exact_start(self) -> Tensor:
        """z(0), (batch, dim), standard normal, float64 on the CPU."""
        generator = torch.Generator().manual_seed(self.seed + 1)
        return torch.randn(self.batch, self.dim, generator=generator, dtype=torch.float64)

    @cached_property
    def exact_target(self) -> Tensor:
        """y, (batch, dim), standard normal, float64 on the CPU."""
        generator = torch.Generator().manual_seed(self.seed + 2)
        return torch.randn(self.batch, self.dim, generator=generator, dtype=torch.float64)

    @cached_property
    def start(self) -> Tensor:
        """z(0), (batch, dim)."""
        return self.place(self.exact_start)

    @cached_property
    def parameters(self) -> Tensor:
        """θ, (p,)."""
        return self.place(self.exact_parameters)

    @cached_property
    def _target(self) -> Tensor:
        return self.place(self.exact_target)

    def loss(self, final: Tensor) -> Tensor:
        """L, a scalar, from z(T)."""
        return 0.5 * (final - self._target).square().sum() / self.batch

    def prepare(self) -> None:
        _ = self.start, self.parameters, self._target

    def errors(self, estimate: Tensor, estimator: Any) -> Mapping[str, Tensor]:
        """`discretised`: ‖estimate − g‖/‖g‖ with the exact gradient g of the estimator's own discretisation."""
        if not isinstance(estimator, HasOwnSolver):
            return {}
        if estimator not in self._discretised:
            exact = self.at("cpu", "float64")
            with torch.enable_grad():  # the host reads errors without gradients
                self._discretised[estimator] = exact._gradient_through(estimator)
        reference = self._discretised[estimator]
        off = estimate.detach().to(device="cpu", dtype=torch.float64) - reference
        return {"discretised": off.norm() / reference.norm()}

    def _gradient_through(self, solver: HasOwnSolver) -> Tensor:
        """The gradient of what a solver computes, by backpropagation."""
        start, theta = (leaf.detach().requires_grad_() for leaf in (self.start, self.parameters))
        final = solver.solve(self.field(theta), start.clone(), self.time)
        return joined(*torch.autograd.grad(self.loss(final), (start, theta)))

    @cached_property
    def _discretised(self) -> dict[Any, Tensor]:
        """Gradients of discretisations, by estimator."""
        return {}


def joined(of_start: Tensor, of_parameters: Tensor) -> Tensor:
    """Both parts of a gradient in one vector, (batch · dim + p,)."""
    return torch.cat([of_start.reshape(-1), of_parameters.reshape(-1)])
