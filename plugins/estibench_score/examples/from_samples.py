"""A score from samples to begin with: that of a kernel density estimate."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, PositiveFloat
from estibench_score import SampleScoreEstimator, squared_distances


@dataclass(frozen=True)
class Example(SampleScoreEstimator):
    """∇log p̂(x) with p̂ = (1/n) Σ N(x_i, h²I): Σ_i r_i(x)(x_i − x)/h², r_i ∝ exp(−‖x − x_i‖²/2h²). Biased.

    Parameters:
        bandwidth: h, in units of x.

    Cost: n kernel values for each point.
    """

    bandwidth: PositiveFloat = 0.5

    claims = (Cost("kernel", lambda problem, estimator: problem.samples * problem.at_points, "n × points"),)
    citation = "Parzen 1962, On estimation of a probability density function and mode."

    def scores(self, samples: Tensor, points: Tensor) -> Tensor:
        weights = torch.softmax(-squared_distances(points, samples) / (2 * self.bandwidth**2), -1)
        return (weights @ samples - points) / self.bandwidth**2
