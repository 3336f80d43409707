"""An objective of flow matching to begin with: regression on the velocity of each pair of noise and data."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, Unbiased
from estibench_score import VelocityEstimator, VelocityField, on_gradients


@dataclass(frozen=True)
class Example(VelocityEstimator):
    """J = ½ mean ‖v(x_t, t) − ẋ_t‖², x_t = αx_1 + σx_0 with noise x_0 and a time t of its own for each datum x_1.

    Unbiased: E[ẋ_t | x_t] is the velocity of the marginal law.

    Cost: 1 evaluation.
    """

    claims = (
        Unbiased(when=on_gradients()),
        Cost("evaluation", lambda problem, estimator: 1, "1", when=on_gradients()),
    )
    citation = "Lipman, Chen, Ben-Hamu, Nickel and Le 2023, Flow matching for generative modeling, equation 9."

    def loss(self, v: VelocityField, x: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
        k = v.any_times(x, generator)
        x_t, rate = v.bridge(noise, x, k)
        return 0.5 * (v(x_t, k) - rate).square().sum(-1).mean()
