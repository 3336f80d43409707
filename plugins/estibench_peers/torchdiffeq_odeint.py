"""torchdiffeq (Chen and others), with the library's own defaults. estibench needs it, so it is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torchdiffeq
from torch import Tensor

from estibench import Claim, Deterministic, Estimator, PositiveFloat, Unsupported
from estibench_flow import Dynamics, HasOwnSolver, OdeProblem
from estibench_peers.neural_field import NeuralField, gradient, times
from estibench_peers.parameters import Times

INSTALL = ("torchdiffeq",)


@dataclass(frozen=True)
class TorchdiffeqOdeint(HasOwnSolver, Estimator):
    """`torchdiffeq.odeint(func, y0, t)`, dopri5, differentiated through its steps.

    Documentation (README, Basic usage): "Backpropagation through odeint goes through the internals of the solver."

    Parameters:
        rtol, atol: the library's, with its defaults.
        points: how many times are asked for; the loss is of the last.
    """

    rtol: PositiveFloat = 1e-7
    atol: PositiveFloat = 1e-9
    points: Times = 2

    claims: ClassVar[tuple[Claim, ...]] = (Deterministic(),)
    citation = "torchdiffeq.odeint."
    function: ClassVar[str] = "odeint"

    def estimate(self, problem: OdeProblem, generator: torch.Generator) -> Tensor:
        """(batch · dim + p,)."""
        field, t = NeuralField(problem), times(problem, self.points)
        odeint = getattr(torchdiffeq, self.function)
        try:
            return gradient(problem, field, lambda z: odeint(field, z, t, **self._tolerances)[-1])
        except AssertionError as error:
            raise Unsupported(f"a solve breaks down: {str(error).splitlines()[0][:60]}") from error

    def solve(self, field: Dynamics, start: Tensor, time: float) -> Tensor:
        t = torch.linspace(0, time, self.points, dtype=start.dtype)
        return torchdiffeq.odeint(field, start, t, **self._tolerances)[-1]

    @property
    def _tolerances(self) -> Mapping[str, Any]:
        return {"rtol": self.rtol, "atol": self.atol}


@dataclass(frozen=True)
class TorchdiffeqAdjoint(TorchdiffeqOdeint):
    """`torchdiffeq.odeint_adjoint(func, y0, t)`, dopri5, with the parameters of `func`.

    Documentation (README, Basic usage): it "simply wraps around `odeint`, but will use only O(1) memory in exchange for
    solving an adjoint ODE in the backward call". Both are solved with the same tolerances.
    """

    citation = "torchdiffeq.odeint_adjoint; Chen et al., NeurIPS 2018."
    function = "odeint_adjoint"
