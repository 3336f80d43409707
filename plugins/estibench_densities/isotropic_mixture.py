"""What all mixtures of isotropic Gaussians share: every derivative, every moment and every convolution with noise."""

from __future__ import annotations

import dataclasses
import math
from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from torch import Tensor, nn

from estibench import LaplacianDensity, NoisedDensity, NonNegativeFloat

MEAN_SHIFTS = 10_000


@dataclass(frozen=True, kw_only=True)
class IsotropicMixture(LaplacianDensity, NoisedDensity):
    """Σ_k w_k N(μ_k, I/τ_k), normalised. With the components' scores s_k = −τ_k(x−μ_k), their precisions
    P_k = τ_k I and responsibilities r_k ∝ w_k N(x; μ_k, I/τ_k)

        ∇ log p = s = Σ_k r_k s_k,   Δ log p = Σ_k r_k(‖s_k‖² − tr P_k) − ‖s‖².

    Noise of standard deviation σ adds σ² to every 1/τ_k: the law stays a mixture.

    Parameters:
        smoothing: standard deviation of noise added to the law.
    """

    smoothing: NonNegativeFloat = 0.0

    @property
    @abstractmethod
    def clean_components(self) -> tuple[Tensor, Tensor, Tensor]:
        """Means μ (K, dim), weights w (K,) that sum to 1, and standard deviations (K,), before noise; float64."""

    @cached_property
    def _components(self) -> tuple[Tensor, Tensor, Tensor]:
        """Means μ (K, dim), weights w (K,) and standard deviations 1/√τ (K,); float64."""
        means, weights, deviations = self.clean_components
        return means, weights, (deviations.square() + self.smoothing**2).sqrt()

    def noised(self, sigma: float) -> Self:
        return dataclasses.replace(self, smoothing=math.hypot(self.smoothing, sigma))

    @cached_property
    def _means(self) -> Tensor:
        """μ: (K, dim)."""
        return self.place(self._components[0])

    @cached_property
    def _precisions(self) -> Tensor:
        """τ: (K,)."""
        return self.place(self._components[2] ** -2)

    @cached_property
    def _precise_means(self) -> Tensor:
        """τ_k μ_k: (K, dim)."""
        means, _, deviations = self._components
        return self.place(means / deviations[:, None] ** 2)

    @cached_property
    def _offsets(self) -> Tensor:
        """log w_k + (dim/2) log(τ_k/2π) − ½τ_k‖μ_k‖²: (K,)."""
        means, weights, deviations = self._components
        norm = self.dim * (deviations * math.sqrt(2 * math.pi)).log()
        return self.place(weights.log() - norm - 0.5 * (means / deviations[:, None]).square().sum(-1))

    @cached_property
    def _quadratic(self) -> Tensor:
        """[τ_k μ_k, −½τ_k]: (K, dim + 1)."""
        return torch.cat([self._precise_means, -0.5 * self._precisions[:, None]], -1)

    def _log_joint(self, x: Tensor) -> Tensor:
        """log w_k N(x; μ_k, I/τ_k), the square expanded into one matrix product: with many components it is the memory
        of intermediate results that costs. (..., dim) → (..., K)."""
        square = x.square().sum(-1, keepdim=True)
        return nn.functional.linear(torch.cat([x, square], -1), self._quadratic, self._offsets)

    def log_prob(self, x: Tensor) -> Tensor:
        return self._log_joint(x).logsumexp(-1)

    def score(self, x: Tensor) -> Tensor:
        return self._mean_score(self._log_joint(x).softmax(-1), x)

    def log_prob_and_score(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """log p = max_k log w_kN_k − log max_k r_k, without another exponential of each."""
        joint = self._log_joint(x)
        r = joint.softmax(-1)
        return joint.amax(-1) - r.amax(-1).log(), self._mean_score(r, x)

    def _mean_score(self, r: Tensor, x: Tensor) -> Tensor:
        """Σ_k r_kτ_k μ_k − Σ_k r_kτ_k x."""
        means, halves = (r @ self._quadratic).split([self.dim, 1], -1)
        return means + 2 * halves * x

    def laplacian(self, x: Tensor) -> Tensor:
        """The formula as Σ_k r_k(‖s_k−s‖² − tr P_k), where nothing large cancels far from the modes."""
        r = self._log_joint(x).softmax(-1)
        s_k = self._precisions[:, None] * (self._means - x[..., None, :])  # (..., K, dim)
        s = (r[..., None] * s_k).sum(-2, keepdim=True)
        return (r * ((s_k - s).square().sum(-1) - self.dim * self._precisions)).sum(-1)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        means, weights, deviations = self._components
        k = torch.multinomial(weights, n, replacement=True, generator=generator)
        z = torch.randn(n, self.dim, generator=generator, dtype=torch.float64)
        return means[k] + deviations[k, None] * z

    @property
    def mean(self) -> Tensor:
        means, weights, _ = self._components
        return weights @ means

    @property
    def covariance_matrix(self) -> Tensor:
        means, weights, deviations = self._components
        centred = means - weights @ means
        within = (weights @ deviations.square()) * torch.eye(self.dim, dtype=torch.float64)
        return within + centred.T @ (weights[:, None] * centred)

    def coordinate_moments(self, order: int) -> Tensor:
        means, weights, deviations = self._components
        of_components = normal_moments(means, deviations[:, None], order)
        return torch.einsum("k,nkm->nm", weights, of_components)

    @property
    def modes(self) -> Tensor:
        """The limits of the mean shift x ← Σ r_kτ_kμ_k / Σ r_kτ_k from every μ_k (Carreira-Perpiñán 2000)."""
        exact = self.at("cpu", "float64")
        x = exact._means.clone()
        going = torch.arange(len(x))  # points that have not arrived
        for _ in range(MEAN_SHIFTS):
            before = x[going]
            r = exact._log_joint(before).softmax(-1)
            x[going] = (r @ exact._precise_means) / (r @ exact._precisions)[:, None]
            going = going[(x[going] - before).abs().amax(-1) > 1e-13 * (1 + x.abs().max())]
            if not len(going):
                break
        return _distinct(x, 1e-4 * exact._components[2].min())


def normal_moments(mean: Tensor, deviation: Tensor, order: int) -> Tensor:
    """E xᵏ of normal x, k = 0 … order, on a new first axis, by E xᵏ = μ E xᵏ⁻¹ + (k−1)σ² E xᵏ⁻²."""
    mean, variance = torch.broadcast_tensors(mean, deviation.square())
    moments = [torch.ones_like(mean), mean]
    for k in range(2, order + 1):
        moments.append(mean * moments[-1] + (k - 1) * variance * moments[-2])
    return torch.stack(moments[: order + 1])


def _distinct(points: Tensor, apart: Tensor) -> Tensor:
    """The points that lie further than `apart` from every earlier one: (n, dim) → (fewer, dim)."""
    close = torch.cdist(points, points) <= apart
    return points[close.int().argmax(-1) == torch.arange(len(points))]
