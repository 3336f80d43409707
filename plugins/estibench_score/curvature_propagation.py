"""Curvature propagation: noise enters at every non-linearity of an energy network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, PositiveInt, Unbiased, Unsupported
from estibench_score.contract import ScoreEstimator, integrates_by_parts, on_gradients
from estibench_score.noise import draw_directions
from estibench_score.score_field import ScoreField


@dataclass(frozen=True)
class CurvaturePropagation(ScoreEstimator):
    """J = mean [S·T + ½‖s‖²] with E[S Tᵀ] = ∇s = ∇² log q, from one backward sweep with noise at every layer.

    It sees the energy network from within (`estibench_score.energy_model`), where slicing sees only s.

    Parameters:
        samples: k, the number of noises for each point.

    Cost: 1 evaluation and 2k VJPs, for S and for T. Normalisation: J up to a constant.
    """

    samples: PositiveInt = 1

    claims = (
        Unbiased(when=on_gradients(integrates_by_parts), given="the density has no edge"),
        Cost("vjp", lambda problem, estimator: 2 * estimator.samples, "2k", when=on_gradients()),
        Cost("sweep", lambda problem, estimator: 2 * estimator.samples + 1, "2k + 1", when=on_gradients()),
    )
    citation = "Martens, Sutskever and Swersky 2012, Estimating the Hessian by back-propagating curvature, section 4."

    def loss(self, s: ScoreField, x: Tensor, generator: torch.Generator) -> Tensor:
        width = s.model.hidden_width
        if width is None:
            raise Unsupported("curvature propagation needs a model that is the gradient of an energy network")
        shape = (self.samples, x.shape[0], width)
        lower, upper = (draw_directions("rademacher", shape, x, generator) for _ in range(2))
        value, traces = s.with_curvature(x, (lower, upper))
        return traces.mean() + 0.5 * value.square().sum(-1).mean()
