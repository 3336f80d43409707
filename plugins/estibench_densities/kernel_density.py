"""Real data, smoothed: a Gaussian around every point of a data set."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import torch
from torch import Tensor

from estibench import PositiveFloat
from estibench_densities.datasets import check_dim, load
from estibench_densities.isotropic_mixture import IsotropicMixture


@dataclass(frozen=True, kw_only=True)
class KernelDensity(IsotropicMixture):
    """(1/N) Σ_n N(a_n, h²I) around the N points a_n of a data set, normalised. Real data have no score; these do:
    with responsibilities r_n ∝ exp(−‖x−a_n‖²/2h²)

        ∇ log p = (Σ_n r_n a_n − x)/h²,   Δ log p = (Σ_n r_n‖a_n − Σ r_n a_n‖²/h² − dim)/h².

    Columns are standardised; constant ones (blank pixels) are 0, so that there the law is N(0, h²).

    Parameters:
        data: a set carried by scikit-learn; it fixes dim: breast_cancer 30, diabetes 10, digits 64, wine 13.
        bandwidth: h, in standard deviations of a column.
        smoothing: standard deviation of noise added to the law: the same law with bandwidth √(h² + smoothing²).
    """

    data: Literal["digits", "wine", "breast_cancer", "diabetes"] = "digits"
    bandwidth: PositiveFloat = 0.5

    citation: ClassVar[str] = "Parzen 1962, On estimation of a probability density function and mode"
    examples = ({"data": "wine", "dim": 13},)

    def __post_init__(self) -> None:
        check_dim("kernel_density", self.data, self.dim)

    @cached_property
    def clean_components(self) -> tuple[Tensor, Tensor, Tensor]:
        points, _ = load(self.data)
        equal = torch.full((len(points),), 1 / len(points), dtype=torch.float64)
        return points, equal, torch.full_like(equal, self.bandwidth)

    def laplacian(self, x: Tensor) -> Tensor:
        """With one bandwidth for all, without the (..., N, dim) differences to every point."""
        means, r = self._means, self._log_joint(x).softmax(-1)
        h_2 = math.hypot(self.bandwidth, self.smoothing) ** 2
        spread = r @ means.square().sum(-1) - (r @ means).square().sum(-1)
        return (spread / h_2 - self.dim) / h_2
