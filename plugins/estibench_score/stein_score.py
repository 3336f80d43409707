"""The Stein gradient estimator: invert Stein's identity with a kernel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, PositiveFloat
from estibench_score.kernels import median_bandwidth, require_decompositions, squared_distances
from estibench_score.sample_problem import SampleScoreEstimator


@dataclass(frozen=True)
class SteinScore(SampleScoreEstimator):
    """Ĝ = −(K + ηI)⁻¹⟨∇,K⟩ at the samples, with K_ij = k(x_i, x_j) Gaussian and ⟨∇,K⟩_i = Σ_j ∇_{x_j} k(x_i, x_j).

    Stein's identity E[k(x, ·)∇log p + ∇k(x, ·)] = 0 at the samples reads KG = −⟨∇,K⟩; the ridge η makes it solvable.
    At a new point y the estimate is y's row of the same system for the samples and y, by its Schur complement.

    Parameters:
        ridge: η.
        bandwidth: h in units of the median distance between samples.

    Cost: n² + n·points kernel values, and one Cholesky factor of (n, n).
    """

    ridge: PositiveFloat = 0.1
    bandwidth: PositiveFloat = 1.0

    claims = (
        Cost(
            "kernel",
            lambda problem, estimator: problem.samples * (problem.samples + problem.at_points),
            "n(n + points)",
        ),
    )
    citation = "Li and Turner 2018, Gradient estimators for implicit models, equations 9 and 15."

    def scores(self, samples: Tensor, points: Tensor) -> Tensor:
        require_decompositions(samples)
        n = samples.shape[0]
        h_2 = (self.bandwidth * median_bandwidth(samples)).square()
        K = torch.exp(-squared_distances(samples, samples) / (2 * h_2))
        to_points = torch.exp(-squared_distances(samples, points) / (2 * h_2))  # (n, q)
        D = (K.sum(1, keepdim=True) * samples - K @ samples) / h_2  # (n, m): ∇_{x_j}k(x_i, x_j) = k (x_i − x_j)/h²
        d = (to_points.sum(0)[:, None] * points - to_points.mT @ samples) / h_2  # (q, m), the row of y
        factor = torch.linalg.cholesky(K + self.ridge * torch.eye(n, dtype=K.dtype, device=K.device))
        solved = torch.cholesky_solve(torch.cat([to_points, D], -1), factor)
        of_points, of_samples = solved[:, : points.shape[0]], solved[:, points.shape[0] :]
        complement = 1 + self.ridge - (to_points * of_points).sum(0)  # (q,)
        weights = of_points * to_points
        added = (
            weights.mT @ samples - weights.sum(0)[:, None] * points
        ) / h_2  # y's part of ⟨∇,K⟩_i, (K + η)⁻¹-weighted
        return -(d - to_points.mT @ of_samples - added) / complement[:, None]
