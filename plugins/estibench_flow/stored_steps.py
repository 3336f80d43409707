"""Explicit Runge–Kutta steps that are stored as they are taken, and differentiated one by one, the last first.

Zhuang and others, ICML 2020 (adaptive checkpoint adjoint, ACA); a step's reverse mode by hand: Hager 2000. A step of
size h from z, in the notation of `tableaus`, has the reverse

    k̄_i = h (b_i λ + Σ_{j>i} a_ji ȳ_j),   ȳ_i = (∂f/∂y)ᵀ k̄_i,   θ̄ += (∂f/∂θ)ᵀ k̄_i,   i = s, …, 1,   λ ← λ + Σ_i ȳ_i,

with λ = ∂L/∂z₁. That is the exact gradient of the steps as taken: a step's size is a number, and what it owes to z and
θ is left out. Rejected steps leave no trace.

Small fields are bound by the number of calls: slopes are rows of one buffer, so that a stage is one `addmv`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Unsupported
from estibench_flow.field import Dynamics
from estibench_flow.solvers import Norm, Scheme
from estibench_flow.step_sizes import change, first_step, rms
from estibench_flow.tableaus import tableau

Stage = tuple[Tensor, Tensor]  # y_i and k_i, (batch, dim) each: a leaf and what depends on it where graphs are kept


@dataclass(frozen=True)
class Step:
    """From z(t) to z(t + h). It has stages where graphs are kept."""

    t: float
    h: float
    z: Tensor
    stages: tuple[Stage, ...] = ()


class StoredSteps:
    """The steps of a scheme, taken, from z at t = 0 to t = `end`.

    Attributes:
        steps: those that were accepted.
        rejected: how many were not.
        final: z(end), (batch, dim), without a graph.
    """

    def __init__(
        self,
        field: Dynamics,
        z: Tensor,
        end: float,
        scheme: Scheme,
        graphs: bool = False,
        kept: bool = True,
        norm: Norm = rms,
    ) -> None:
        """Takes them.

        Args:
            graphs: whether the graph of every evaluation is kept, so that none is repeated backwards.
            kept: whether steps are; without, only their end is known.
            norm: of the scaled error of an adaptive step, shaped like the state.

        Raises:
            Unsupported: the solve cannot go on.
        """
        self._field, self._graphs, self._kept, self._norm = field, graphs, kept, norm
        method = tableau(scheme.solver)
        s = len(method.nodes)
        rows = [(), *method.weights, method.error]
        weights = torch.tensor([[*row, *[0.0] * (s + 1 - len(row))] for row in rows], dtype=torch.float64)
        self._weights, self._nodes = weights.to(z), torch.tensor(method.nodes, dtype=torch.float64).to(z)
        # h times the weights, and slopes by stage: written anew in every step, so that views of them are made once.
        self._scaled, self._slopes = torch.empty_like(self._weights), z.new_zeros(s + 1, z.numel())
        self._before = [(self._slopes[:i].T, self._scaled[i, :i]) for i in range(s + 1)]
        self._error = self._slopes.T, self._scaled[-1]
        self._slope = [row.view(z.shape) for row in self._slopes]
        self.steps: list[Step] = []
        self.rejected = 0
        with torch.no_grad():
            if scheme.fixed:
                self.final = self._fixed(z.detach(), end, scheme.steps)
            else:
                self.final = self._adaptive(z.detach(), end, scheme.tolerance, method.order)

    def gradient(self, cotangent: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        """∂L/∂z(0), (batch, dim), and ∂L/∂θ, (p,), from ∂L/∂z(end); forgets the steps.

        A step takes s VJPs, and s evaluations where graphs were not kept. The field depends on `theta`, a leaf.
        """
        s, of_theta = len(self._nodes), torch.zeros_like(theta)
        of_states = torch.empty_like(self._slopes)  # ȳ_i by stage, and λ
        after = [(of_states[i + 1 :].T, self._scaled[i + 1 : s + 1, i]) for i in range(s)]
        of_states[s] = cotangent.reshape(-1)
        while self.steps:
            step = self.steps.pop()
            times = self._begin(step.t, step.h)
            stages = list(step.stages) or self._stages(times, step.z, graphs=True)
            del step
            for i in range(s - 1, -1, -1):
                y, k = stages.pop()
                cotangent = torch.mv(*after[i]).view(k.shape)
                by_y, by_theta = torch.autograd.grad(k, (y, theta), cotangent, materialize_grads=True)
                of_states[i] = by_y.reshape(-1)
                of_theta += by_theta
            of_states[s] = of_states.sum(0)
        return of_states[s].view(cotangent.shape).clone(), of_theta

    def _fixed(self, z: Tensor, end: float, steps: int) -> Tensor:
        h = end / steps
        for n in range(steps):
            stages = self._stages(self._begin(n * h, h), z, self._graphs)
            self._keep(n * h, h, z, stages)
            z = self._combined(z, len(self._nodes))
        return z

    def _adaptive(self, z: Tensor, end: float, tolerance: float, order: int) -> Tensor:
        t, size = 0.0, z.abs()
        first = self._evaluated(z.new_zeros(()), z, self._graphs)
        h = first_step(self._field, z, first[1], tolerance, order, self._norm)
        while t < end:
            if not t + h > t:  # nor where h is not a number
                raise Unsupported("a solve breaks down: underflow in dt")
            h, after = (end - t, end) if t + h > end else (h, t + h)
            stages = self._stages(self._begin(t, h), z, self._graphs, first)
            following = self._combined(z, len(self._nodes))
            last = self._evaluated(following.new_full((), after), following, self._graphs)
            self._slope[-1].copy_(last[1])
            scale = torch.maximum(size, following.abs()).mul_(tolerance).add_(tolerance)
            ratio = float(self._norm(torch.mv(*self._error).view(z.shape).div_(scale)))
            if ratio <= 1:
                self._keep(t, h, z, stages)
                z, first, t, size = following.detach(), last, after, following.abs()
            else:
                self.rejected += 1
            h *= change(ratio, order)
        return z

    def _begin(self, t: float, h: float) -> tuple[Tensor, ...]:
        """The times of the stages of a step of size h."""
        torch.mul(self._weights, h, out=self._scaled)
        return (self._nodes * h).add_(t).unbind()

    def _stages(self, times: Sequence[Tensor], z: Tensor, graphs: bool, first: Stage | None = None) -> list[Stage]:
        """All of a step from z; of which the first may be known. They are returned where they have graphs."""
        stages: list[Stage] = []
        for i, t in enumerate(times):
            known = first if i == 0 else None
            stage = known or self._evaluated(t, self._combined(z, i), graphs)
            self._slope[i].copy_(stage[1].detach())
            if graphs:
                stages.append(stage)
        return stages

    def _combined(self, z: Tensor, i: int) -> Tensor:
        """z + h Σ_{j<i} a_ij k_j; with all stages, z₁."""
        return torch.addmv(z.reshape(-1), *self._before[i]).view(z.shape) if i else z.detach()

    def _evaluated(self, t: Tensor, y: Tensor, graphs: bool) -> Stage:
        with torch.set_grad_enabled(graphs):
            y = y.requires_grad_(graphs)
            return y, self._field(t, y)

    def _keep(self, t: float, h: float, z: Tensor, stages: list[Stage]) -> None:
        if self._kept:
            self.steps.append(Step(t, h, z, tuple(stages)))
