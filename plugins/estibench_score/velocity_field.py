"""The model's velocity at fixed parameters, the path and its times: the oracles that objectives call. They count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import count
from estibench_score.flow_path import MarginalVelocity
from estibench_score.model import ScoreModel


@dataclass(frozen=True)
class VelocityField:
    """v = v_θ. Every result is differentiable in θ. Times are given by their places k in `times`.

    One `evaluation` is one call of the model on a whole minibatch.

    Attributes:
        times: t of the estimand, rising, (T,); all weigh the same.
        path: α, σ, α̇, σ̇ at each of them, (T, 4), as the problem's points have them.
        marginals: u_t (or η_t) at each of them; only an oracle may use it.
    """

    model: ScoreModel
    theta: Tensor
    times: Tensor
    path: Tensor
    marginals: Sequence[MarginalVelocity]

    def __call__(self, x: Tensor, k: Tensor) -> Tensor:
        """v(x, t_k): (..., m), (..., 1) → (..., m)."""
        count("evaluation")
        return self.model.score(self.theta, x, self.times[k])

    def several(self, points: Sequence[Tensor], ks: Sequence[Tensor]) -> list[Tensor]:
        """v at several batches of the same shape, evaluated as one."""
        count("evaluation", len(points))
        return list(self.model.score(self.theta, torch.stack(list(points)), self.times[torch.stack(list(ks))]))

    def any_times(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """k of a time for each point, independent and uniform: (..., m) → (..., 1)."""
        return torch.randint(len(self.times), (*x.shape[:-1], 1), generator=generator, device=x.device)

    def bridge(self, x0: Tensor, x1: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """x_t = αx_1 + σx_0 of pairs of noise and data, and what is regressed on: the rate ẋ_t = α̇x_1 + σ̇x_0, or x_0
        where the problem says so. (..., m) each."""
        alpha, sigma, alpha_rate, sigma_rate = self.path[k].unbind(-1)  # (..., 1) each
        return alpha * x1 + sigma * x0, alpha_rate * x1 + sigma_rate * x0

    def marginal(self, x: Tensor, k: Tensor) -> Tensor:
        """u_t(x) at t_k: (..., m), (..., 1) → (..., m). Made for all times, of which one is kept."""
        everywhere = torch.stack([u(x) for u in self.marginals])  # (T, ..., m)
        return torch.take_along_dim(everywhere, k.expand(x.shape)[None], 0)[0]
