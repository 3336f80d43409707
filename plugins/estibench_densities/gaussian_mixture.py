"""Mixtures of isotropic Gaussians: several modes, and every derivative still known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import torch
from torch import Tensor

from estibench import PositiveFloat
from estibench_densities.isotropic_mixture import IsotropicMixture

RING = 8
GRID = 5
RANDOM = 40


@dataclass(frozen=True, kw_only=True)
class GaussianMixture(IsotropicMixture):
    """Σ_k w_k N(μ_k, I/τ_k), normalised. With the components' scores s_k = −τ_k(x−μ_k), their precisions
    P_k = τ_k I and responsibilities r_k ∝ w_k N(x; μ_k, I/τ_k)

        ∇ log p = s = Σ_k r_k s_k,   Δ log p = Σ_k r_k(‖s_k‖² − tr P_k) − ‖s‖².

    Parameters:
        layout: where the modes are.
            `two_modes`: ±`spread` on the first axis, weights 0.2 and 0.8.
            `ring`: 8 on a circle of radius `spread` in the first two coordinates, equal weights.
            `grid`: 5 × 5 on the square [−spread, spread]² in the first two coordinates, equal weights.
            `random`: 40, uniform on the cube [−spread, spread]^dim, weights ∝ uniform on [½, 1½],
            standard deviations between ½ and 1½ times `scale`.
        scale: standard deviation of a component.
        spread: size of the layout.
        smoothing: standard deviation of noise added to the law, which stays a mixture.
    """

    layout: Literal["two_modes", "ring", "grid", "random"] = "two_modes"
    scale: PositiveFloat = 0.5
    spread: PositiveFloat = 4.0

    citation: ClassVar[str] = (
        "Song and Ermon 2019, Generative modeling by estimating gradients of the data distribution "
        "(two modes); Midgley et al. 2023, Flow annealed importance sampling bootstrap (40 random modes)"
    )

    def __post_init__(self) -> None:
        if self.layout in ("ring", "grid") and self.dim < 2:
            raise ValueError(f"gaussian_mixture with layout {self.layout!r} needs dim of at least 2, got {self.dim}")

    @cached_property
    def clean_components(self) -> tuple[Tensor, Tensor, Tensor]:
        """Means μ (K, dim), weights w (K,) and standard deviations (K,), before noise; float64."""
        generator = self.data_generator()
        match self.layout:
            case "two_modes":
                centres = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
                weights = torch.tensor([0.2, 0.8], dtype=torch.float64)
            case "ring":
                angle = 2 * math.pi * torch.arange(RING, dtype=torch.float64) / RING
                centres = torch.stack([angle.cos(), angle.sin()], -1)
                weights = torch.ones(RING, dtype=torch.float64)
            case "grid":
                ticks = torch.linspace(-1, 1, GRID, dtype=torch.float64)
                centres = torch.cartesian_prod(ticks, ticks)
                weights = torch.ones(GRID**2, dtype=torch.float64)
            case "random":
                centres = 2 * torch.rand(RANDOM, self.dim, generator=generator, dtype=torch.float64) - 1
                weights = 0.5 + torch.rand(RANDOM, generator=generator, dtype=torch.float64)
        deviations = torch.full_like(weights, self.scale)
        if self.layout == "random":
            deviations = deviations * (0.5 + torch.rand(RANDOM, generator=generator, dtype=torch.float64))
        means = torch.nn.functional.pad(self.spread * centres, (0, self.dim - centres.shape[-1]))
        return means, weights / weights.sum(), deviations
