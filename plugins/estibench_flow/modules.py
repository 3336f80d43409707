"""A module as the right-hand side of an ODE with parameters."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from estibench_flow.field import Dynamics


class ModuleDynamics:
    """f_θ(t, z) = module(t, z) as a function of all of its weights in one vector θ, (p,).

    `ModuleDynamics(module)` is θ ↦ f_θ, as `OdeProblem.dynamics` wants it, and its `parameters` are the θ of the module
    as it is. A copy is used, in evaluation mode; buffers follow the device and the dtype of θ.

    Args:
        module: (t, z) → dz/dt, t a scalar, z (..., dim); weights in any dtype.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = copy.deepcopy(module).eval()
        self._shapes = {name: weight.shape for name, weight in self._module.named_parameters()}

    @property
    def parameters(self) -> Tensor:
        """θ, (p,), float64 on the CPU."""
        weights = [weight.detach().reshape(-1) for weight in self._module.parameters()]
        return torch.cat(weights).to(device="cpu", dtype=torch.float64)

    def __call__(self, theta: Tensor) -> Dynamics:
        """f_θ, differentiable in θ."""
        parts = theta.split([shape.numel() for shape in self._shapes.values()])
        state = {name: part.reshape(shape) for part, (name, shape) in zip(parts, self._shapes.items(), strict=True)}
        for name, buffer in self._module.named_buffers():
            state[name] = buffer.to(theta) if buffer.is_floating_point() else buffer.to(theta.device)

        def field(t: Tensor, z: Tensor) -> Tensor:
            value: Tensor = torch.func.functional_call(self._module, state, (t, z))
            return value

        return field
