"""An objective of score matching: two antithetic slices."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, Unbiased
from estibench_score import ScoreEstimator, ScoreField, integrates_by_parts, on_gradients


@dataclass(frozen=True)
class TwoSlices(ScoreEstimator):
    """J = mean of vᵀ∇s(x)v + ½‖s(x)‖², averaged over two orthogonal directions v of length √m in a random plane.

    Directions without the noise of their length, and with less than independent ones would have: E[vvᵀ] = I for each.

    Cost: 1 evaluation and 2 VJPs.
    """

    claims = (
        Unbiased(when=on_gradients(integrates_by_parts), given="the density has no edge"),
        Cost("sweep", lambda problem, estimator: 3, "3", when=on_gradients()),
    )
    citation = "Song, Garg, Shi and Ermon 2019, Sliced score matching; orthogonal directions: Choromanski et al. 2017."

    def loss(self, s: ScoreField, x: Tensor, generator: torch.Generator) -> Tensor:
        v, w = torch.randn((2, *x.shape), generator=generator, device=x.device, dtype=x.dtype)
        w = w - (w * v).sum(-1, keepdim=True) / v.square().sum(-1, keepdim=True) * v
        directions = torch.nn.functional.normalize(torch.stack([v, w]), dim=-1) * x.shape[-1] ** 0.5
        value, products = s.with_vjps(x, directions)
        return (products * directions).sum(-1).mean() + 0.5 * value.square().sum(-1).mean()
