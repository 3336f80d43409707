"""Conditional flow matching with times where they matter, and weights that keep the estimand."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, PositiveFloat, Unbiased, Variance
from estibench_score.contract import on_gradients
from estibench_score.velocity_contract import VelocityEstimator
from estibench_score.velocity_field import VelocityField
from estibench_score.velocity_gradient import VelocityGradient
from estibench_score.velocity_theory import independent_variance


def logit_normal(times: Tensor, location: float, scale: float) -> Tensor:
    """q_k ∝ exp(−½((logit t_k − location)/scale)²)/t_k(1 − t_k): the logit-normal density on the times, (T,)."""
    logit = times.log() - (1 - times).log()
    return (-0.5 * ((logit - location) / scale).square() - (times * (1 - times)).log()).softmax(0)


def importance_variance(problem: VelocityGradient, estimator: ImportanceFlow) -> float | None:
    """With the probabilities of the estimator."""
    times = torch.tensor([at.time for at in problem.points], dtype=torch.float64)
    return independent_variance(problem, probabilities=logit_normal(times, estimator.location, estimator.scale))


@dataclass(frozen=True)
class ImportanceFlow(VelocityEstimator):
    """J = ½ mean of ‖v(x_t, t) − ẋ_t‖²/Tq_t with logit-normal times: P(t) = q_t on the grid of T times.

    The weights undo the choice of times: unbiased for uniform ones. Without them, as Esser et al. train, the estimand
    is another mean over time. B · V = Σ_k E‖g_k‖²/T²q_k − ‖g‖² is least for q_k ∝ √E‖g_k‖².

    Parameters:
        location: of logit t; above 0 more times near the data.
        scale: of logit t.

    Cost: 1 evaluation. Normalisation: J up to a constant.
    """

    location: float = 0.0
    scale: PositiveFloat = 1.5

    claims = (
        Unbiased(when=on_gradients()),
        Variance(
            importance_variance, "Σ E‖g_k‖²/T²q_k − ‖g‖² over B", when=on_gradients(), given="model and data are normal"
        ),
        Cost("evaluation", lambda problem, estimator: 1, "1", when=on_gradients()),
    )
    citation = (
        "Esser et al. 2024, Scaling rectified flow transformers for high-resolution image synthesis, section 3.1; the "
        "weights: Kingma, Salimans, Poole and Ho 2021, Variational diffusion models, section 5.1."
    )

    def loss(self, v: VelocityField, x: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        q = logit_normal(v.times, self.location, self.scale)
        uniform = torch.rand((x.shape[0], 1), generator=generator, device=x.device, dtype=x.dtype)
        k = (uniform >= q.cumsum(0)[:-1]).sum(-1, keepdim=True)
        x_t, rate = v.bridge(noise, x, k)
        weight = 1 / (len(q) * q[k])
        return 0.5 * (weight * (v(x_t, k) - rate).square()).sum(-1).mean()
