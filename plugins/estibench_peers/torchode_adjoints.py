"""torchode (Lienen and Günnemann): ODE gradients, each datum of the batch with steps of its own.

Bridge, for all: the README's example, with an `IntegralController`; t is a vector, one time for each datum, and the
problem's field takes a scalar, so the field is vmapped over data. Backward passes through it are not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from estibench import Deterministic, Estimator, PositiveFloat, Unsupported, count
from estibench_flow import OdeProblem
from estibench_peers.neural_field import NeuralField, gradient, times
from estibench_peers.optional import library
from estibench_peers.parameters import Times

INSTALL = ("torchode", "torchtyping", "typeguard")
Adjoint = Literal["autodiff", "backsolve", "joint_backsolve"]


class _EachItsOwnTime(nn.Module):
    """f(t, z), t (batch,) or (), z (batch, dim) or (dim,)."""

    def __init__(self, problem: OdeProblem, field: NeuralField) -> None:
        super().__init__()
        self.theta = field.theta
        self._problem, self._counted = problem, field.counted

    def forward(self, t: Tensor, z: Tensor) -> Tensor:
        count("evaluation")
        count(self._counted.phase)
        dynamics = self._problem.dynamics(self.theta)

        def one(t: Tensor, z: Tensor) -> Tensor:
            return dynamics(t, z[None])[0]

        return one(t, z) if t.ndim == 0 else torch.func.vmap(one)(t, z)


@dataclass(frozen=True)
class TorchodeAdjoint(Estimator):
    """`AutoDiffAdjoint`, `BacksolveAdjoint` or `JointBacksolveAdjoint`, with `Dopri5` and an `IntegralController`.

    Documentation (README, Usage): these parts composed so; (Gradients & Backpropagation): one can "backpropagate
    straight through the solver", which "gives accurate gradients", or solve "the so called adjoint equations" of each
    datum, or of the batch "jointly as one joint system that is jointly discretized".

    Parameters:
        adjoint: autodiff, backsolve, joint_backsolve.
        atol, rtol: the README's are 1e-6 and 1e-3.
        points: how many times are asked for; the loss is of the last.
    """

    adjoint: Adjoint = "autodiff"
    atol: PositiveFloat = 1e-6
    rtol: PositiveFloat = 1e-3
    points: Times = 2

    claims = (Deterministic(),)
    citation = "torchode; Lienen and Günnemann, torchode: A parallel ODE solver for PyTorch, 2022."

    def estimate(self, problem: OdeProblem, generator: torch.Generator) -> Tensor:
        """(batch · dim + p,)."""
        with library(*INSTALL):
            import torchode
        field = NeuralField(problem)
        term = torchode.ODETerm(_EachItsOwnTime(problem, field))
        method = torchode.Dopri5(term=term)
        controller = torchode.IntegralController(atol=self.atol, rtol=self.rtol, term=term)
        t = times(problem, self.points).expand(problem.batch, -1)
        solver = {
            "autodiff": lambda: torchode.AutoDiffAdjoint(method, controller),
            "backsolve": lambda: torchode.BacksolveAdjoint(term, method, controller),
            "joint_backsolve": lambda: torchode.JointBacksolveAdjoint(term, method, controller),
        }[self.adjoint]().to(problem.torch_dtype)

        def solve(z: Tensor) -> Tensor:
            solution = solver.solve(torchode.InitialValueProblem(y0=z, t_eval=t))
            if bool((solution.status != torchode.status_codes.SUCCESS).any()):
                raise Unsupported(f"a solve ends with status {solution.status.max().item()}")
            return solution.ys[:, -1]

        return gradient(problem, field, solve)
