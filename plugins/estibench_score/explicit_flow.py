"""Flow matching itself: the oracle that knows the marginal velocity."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, Unbiased, Variance
from estibench_score.contract import on_gradients
from estibench_score.velocity_contract import VelocityEstimator
from estibench_score.velocity_field import VelocityField
from estibench_score.velocity_theory import independent_variance


@dataclass(frozen=True)
class ExplicitFlow(VelocityEstimator):
    """J = ½ mean ‖v(x_t, t) − u_t(x_t)‖², t uniform for each point. Nobody has u_t = E[ẋ_t | x_t]; this shows the noise
    that points and times alone make.

    Cost: 1 evaluation. Normalisation: J itself, 0 for a perfect fit.
    """

    claims = (
        Unbiased(when=on_gradients()),
        Variance(
            lambda problem, estimator: independent_variance(problem, explicit=True),
            "fourth moments of normal vectors",
            when=on_gradients(),
            given="model and data are normal",
        ),
        Cost("evaluation", lambda problem, estimator: 1, "1", when=on_gradients()),
    )
    citation = "Lipman, Chen, Ben-Hamu, Nickel and Le 2023, Flow matching for generative modeling, equation 5."

    def loss(self, v: VelocityField, x: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        k = v.any_times(x, generator)
        x_t, _ = v.bridge(noise, x, k)
        return 0.5 * (v(x_t, k) - v.marginal(x_t, k)).square().sum(-1).mean()
