"""The probability flow: an ordinary differential equation with the same densities as the diffusion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from estibench import Deterministic, Estimator, PositiveFloat
from estibench_sampling.evolution import EvolutionProblem


@dataclass(frozen=True)
class ProbabilityFlow(Estimator):
    """dz/dt = v = f − ½g² ∇ log p_t,   d log p_t(z)/dt = −tr ∂v/∂z,

    solved back from z(t) = x to t = 0, so that log p(x, t) = log p_0(z(0)) − ∫_0^t tr ∂v/∂z. For g = 0 this is the
    change of variables of a continuous normalising flow. The score of every p_t is the problem's exact one, where a
    diffusion model would have a network; the trace is exact, by one VJP per dimension. All points share the solver's
    step.

    Parameters:
        rtol: relative tolerance; the absolute one is a hundredth of it.
        method: of torchdiffeq.

    Cost: an update per point and evaluation of v.
    """

    rtol: PositiveFloat = 1e-5
    method: Literal["dopri5", "bosh3", "dopri8"] = "dopri5"

    claims = (Deterministic(),)
    citation = (
        "Song et al. 2021, Score-based generative modeling, section 4.3; Chen et al. 2018, Neural ODEs, theorem 1"
    )

    def estimate(self, problem: EvolutionProblem, generator: torch.Generator) -> Tensor:
        """(times, points)."""
        return torch.stack([self._log_density(problem, t).exp() for t in problem.times])

    def _log_density(self, problem: EvolutionProblem, t: float) -> Tensor:
        from torchdiffeq import odeint

        x = problem.points_placed

        def velocity(z: Tensor, s: float) -> Tensor:
            return problem.field(z) - 0.5 * problem.diffusion**2 * problem.score(z, s)

        def rates(s: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            problem.spend(len(x))
            with torch.enable_grad():
                z = state[0].detach().requires_grad_()
                v = velocity(z, float(s.clamp(0.0, t)))
                trace = torch.zeros_like(state[1])
                for i in range(problem.dim):
                    trace += torch.autograd.grad(v[:, i].sum(), z, retain_graph=True)[0][:, i]
            return v.detach(), -trace

        back = torch.tensor([t, 0.0], dtype=x.dtype, device=x.device)
        z, gained = odeint(
            rates, (x, torch.zeros_like(x[:, 0])), back, rtol=self.rtol, atol=self.rtol / 100, method=self.method
        )
        return problem.log_density(z[-1], 0.0) - gained[-1]
