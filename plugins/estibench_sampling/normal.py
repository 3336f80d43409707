"""Standard normals for the state of many chains."""

from __future__ import annotations

import torch
from torch import Tensor


def normal_like(x: Tensor, generator: torch.Generator) -> Tensor:
    """Independent standard normals, shaped, typed and placed like x."""
    return torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
