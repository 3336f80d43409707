"""The score of a kernel density estimate: the plain way from samples to a score."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, NonNegativeFloat
from estibench_score.kernels import squared_distances
from estibench_score.sample_problem import SampleScoreEstimator


@dataclass(frozen=True)
class KernelDensityScore(SampleScoreEstimator):
    """∇log p̂(x) with p̂ = (1/n) Σ N(x_i, diag h²): Σ_i r_i(x)(x_i − x)/h², r_i ∝ exp(−½ Σ_d (x − x_i)_d²/h_d²).

    Its mean estimates the score of the law convolved with N(0, h²), and it shrinks like that one.

    Parameters:
        bandwidth: h in standard deviations of each coordinate; 0 for Scott's n^(−1/(m+4)).

    Cost: n kernel values for each point.
    """

    bandwidth: NonNegativeFloat = 0.0

    claims = (Cost("kernel", lambda problem, estimator: problem.samples * problem.at_points, "n × points"),)
    citation = "Parzen 1962; bandwidth: Scott 1992, Multivariate density estimation, section 6.3.1."

    def scores(self, samples: Tensor, points: Tensor) -> Tensor:
        n, m = samples.shape
        h = samples.std(0) * (self.bandwidth or n ** (-1 / (m + 4)))
        r = torch.softmax(-0.5 * squared_distances(points / h, samples / h), -1)
        return (r @ samples - points) / h.square()
