"""torchsde (Li and others): Langevin's equation by its solvers of Itô equations.

Bridge: dX = ∇ log p dt + √2 dW, with additive noise; ts are the ends of the steps; noise is from torch's global
generator, from which its `BrownianInterval` takes its entropy, and which is seeded for the time of a call.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from estibench import PositiveFloat, Reads, seeded
from estibench_peers.optional import library
from estibench_peers.recorded import Recorded
from estibench_sampling import Affine, Law, LinearSampler, Modes, Target, affine, independent

INSTALL = ("torchsde", "trampoline")


class _Langevin(nn.Module):
    noise_type, sde_type = "additive", "ito"

    def __init__(self, target: Target) -> None:
        super().__init__()
        self._target = target

    def f(self, t: Tensor, y: Tensor) -> Tensor:
        return self._target.score(y)

    def g(self, t: Tensor, y: Tensor) -> Tensor:
        identity = torch.eye(y.shape[1], dtype=y.dtype, device=y.device)
        return (math.sqrt(2) * identity).expand(len(y), -1, -1)


@dataclass(frozen=True)
class TorchsdeSdeint(LinearSampler):
    """`torchsde.sdeint(sde, y0, ts, dt=dt, method=method)`.

    Documentation (DOCUMENTATION.md, List of SDE solvers): `"euler"` is the "Euler-Maruyama method", `"srk"` the
    "Stochastic Runge-Kutta method", which "will generally produce a more accurate estimate of the solution". On a
    normal target Euler–Maruyama is a linear recursion, whose law is the claim; of srk the page says nothing to test.

    Parameters:
        steps: of length dt.
        dt: the library's; its default is 1e-3.
        method: euler or srk.
    """

    dt: PositiveFloat = 0.1
    method: Literal["euler", "srk"] = "srk"

    claims = tuple(
        Reads(
            *(claim.name, claim.formula, claim.text),
            when=lambda problem, estimator: estimator.method == "euler",
            given="the method is euler",
        )
        for claim in LinearSampler.claims
        if isinstance(claim, Reads)
    )
    citation = "torchsde.sdeint; Li, Wong, Chen, Duvenaud, AISTATS 2020; Rößler 2010 (srk)."

    def start(self, target: Target, x: Tensor, generator: torch.Generator) -> Recorded:
        with library(*INSTALL):
            from torchsde import sdeint
        ts = self.dt * torch.arange(self.steps + 1, dtype=x.dtype, device=x.device)
        with seeded(generator), torch.no_grad():
            found = sdeint(_Langevin(target), x, ts, dt=self.dt, method=self.method)
        return Recorded(x, found[1:])

    def step(self, target: Target, state: Recorded, control: Any, generator: torch.Generator) -> Recorded:
        return state.next()

    def normal_start(self, modes: Modes, mean: Tensor, variance: Tensor) -> Law:
        return independent([mean], [variance], len(mean))

    def normal_step(self, modes: Modes, control: Any) -> Affine:
        precision = 1 / modes.variance
        return affine([[1 - self.dt * precision]], [self.dt * precision * modes.mean], [[2 * self.dt]])
