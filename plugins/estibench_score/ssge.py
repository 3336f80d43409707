"""The spectral Stein gradient estimator."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, PositiveFloat, PositiveInt, Unsupported
from estibench_score.kernels import median_bandwidth, require_decompositions, squared_distances
from estibench_score.sample_problem import SampleScoreEstimator


@dataclass(frozen=True)
class SSGE(SampleScoreEstimator):
    """ĝ_i(x) = Σ_{j≤J} β̂_ij ψ̂_j(x), the score's expansion in the eigenfunctions ψ_j of a Gaussian kernel under p.

    By Stein's identity the coefficient is β_ij = −E[∂_i ψ_j]. With K u_j = λ_j u_j of n samples, ψ̂_j is Nyström's
    (√n/λ_j) Σ_l u_lj k(x, x_l), and β̂_ij = −(1/n) Σ_l ∂_i ψ̂_j(x_l).

    Parameters:
        eigenfunctions: J.
        bandwidth: h in units of the median distance between samples.

    Cost: n² + n·points kernel values, and one eigendecomposition of (n, n).
    """

    eigenfunctions: PositiveInt = 6
    bandwidth: PositiveFloat = 1.0

    claims = (
        Cost(
            "kernel",
            lambda problem, estimator: problem.samples * (problem.samples + problem.at_points),
            "n(n + points)",
        ),
    )
    citation = (
        "Shi, Sun and Zhu 2018, A spectral approach to gradient estimation for implicit distributions, algorithm 1."
    )

    def scores(self, samples: Tensor, points: Tensor) -> Tensor:
        require_decompositions(samples)
        n = samples.shape[0]
        J = self.eigenfunctions
        if n < J:
            raise Unsupported(f"{n} samples have no {J} eigenfunctions")
        h_2 = (self.bandwidth * median_bandwidth(samples)).square()
        K = torch.exp(-squared_distances(samples, samples) / (2 * h_2))
        eigenvalues, U = torch.linalg.eigh(K)  # ascending
        eigenvalues, U = eigenvalues[-J:], U[:, -J:]
        scaled = n**0.5 * U / eigenvalues  # (n, J): ψ̂_j(x) = Σ_l scaled_lj k(x, x_l)
        # (1/n) Σ_l ∇ψ̂_j(x_l), with ∇_x k(x, x_r) = k(x, x_r)(x_r − x)/h²
        gradients = (K.sum(0)[:, None] * scaled).mT @ samples - scaled.mT @ (K @ samples)  # (J, m)
        psi = torch.exp(-squared_distances(points, samples) / (2 * h_2)) @ scaled  # (q, J)
        return -psi @ gradients / (n * h_2)
