"""An objective of score matching to begin with: sliced score matching."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, PositiveInt, Unbiased
from estibench_score import ScoreEstimator, ScoreField, integrates_by_parts, on_gradients


@dataclass(frozen=True)
class Example(ScoreEstimator):
    """J = mean of vᵀ∇s(x)v + ½‖s(x)‖² over the minibatch and k directions v ~ N(0, I).

    Unbiased for densities without an edge: E[vᵀ∇s v] = tr ∇s, and E[tr ∇s] = −E[sᵀ∇log p].

    Parameters:
        slices: k, directions for each point.

    Cost: 1 evaluation and k VJPs.
    """

    slices: PositiveInt = 1

    claims = (
        Unbiased(when=on_gradients(integrates_by_parts), given="the density has no edge"),
        Cost("sweep", lambda problem, estimator: estimator.slices + 1, "k + 1", when=on_gradients()),
    )
    citation = "Song, Garg, Shi and Ermon 2019, Sliced score matching, equation 8."

    def loss(self, s: ScoreField, x: Tensor, generator: torch.Generator) -> Tensor:
        v = torch.randn((self.slices, *x.shape), generator=generator, device=x.device, dtype=x.dtype)
        value, products = s.with_vjps(x, v)
        return (v * products).sum(-1).mean() + 0.5 * value.square().sum(-1).mean()
