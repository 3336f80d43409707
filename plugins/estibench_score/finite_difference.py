"""Sliced score matching by finite differences: two evaluations instead of a derivative."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, PositiveFloat, PositiveInt, Unbiased
from estibench_score.contract import ScoreEstimator, integrates_by_parts, on_gradients
from estibench_score.noise import Noise, draw_directions
from estibench_score.score_field import ScoreField


@dataclass(frozen=True)
class FiniteDifference(ScoreEstimator):
    """J = mean of vᵀ(s₊ − s₋)/2ε + ½‖(s₊ + s₋)/2‖² over points and k directions v, s± = s(x ± εv).

    Both terms are those of variance-reduced slicing up to O(ε²), and exact for an affine s. Rounding adds a relative
    error of about 10⁻⁷/ε in float32.

    Parameters:
        step: ε, in the units of x.
        slices: k.
        noise: rademacher, gaussian or sphere (radius √m).

    Cost: 2k evaluations, and no derivative in x. Normalisation: J up to a constant.
    """

    step: PositiveFloat = 0.01
    slices: PositiveInt = 1
    noise: Noise = "rademacher"

    claims = (
        Unbiased(
            when=on_gradients(
                lambda problem, estimator: problem.score_model.linear and integrates_by_parts(problem, estimator)
            ),
            given="the model is affine in x",
        ),
        Cost("evaluation", lambda problem, estimator: 2 * estimator.slices, "2k", when=on_gradients()),
        Cost("sweep", lambda problem, estimator: 2 * estimator.slices, "2k", when=on_gradients()),
    )
    citation = "Pang et al. 2020, Efficient learning of generative models via finite-difference score matching."

    def loss(self, s: ScoreField, x: Tensor, generator: torch.Generator) -> Tensor:
        v = draw_directions(self.noise, (self.slices, *x.shape), x, generator)
        pairs = s.several([x + sign * self.step * direction for direction in v for sign in (1, -1)])
        plus, minus = torch.stack(pairs[::2]), torch.stack(pairs[1::2])  # (k, batch, m)
        curvature = (v * (plus - minus)).sum(-1) / (2 * self.step)
        return (curvature + 0.125 * (plus + minus).square().sum(-1)).mean()
