"""Random directions v ∈ R^m with E[vvᵀ] = I."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Noise = Literal["rademacher", "gaussian", "sphere"]


def draw_directions(noise: Noise, shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    """Directions of the given shape (..., m), in the dtype and on the device of `like`.

    rademacher: independent signs. gaussian: standard normal. sphere: uniform on the sphere of radius √m.
    """
    if noise == "rademacher":
        return 2 * torch.randint(0, 2, shape, generator=generator, device=like.device, dtype=like.dtype) - 1
    normal = torch.randn(shape, generator=generator, device=like.device, dtype=like.dtype)
    if noise == "sphere":
        return normal * (shape[-1] ** 0.5 / torch.linalg.vector_norm(normal, dim=-1, keepdim=True))
    return normal


def outer_product_variance(noise: Noise, dim: int) -> int:
    """tr Cov(vvᵀ) = E‖vvᵀ − I‖²: E‖v‖⁴ − m, which is m² − m for vectors of length √m and m² + m for normal ones."""
    return dim**2 + dim if noise == "gaussian" else dim**2 - dim
