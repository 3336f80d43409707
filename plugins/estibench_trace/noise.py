"""Random probes v ∈ R^m with E[v vᵀ] = I."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

Noise = Literal["rademacher", "gaussian", "sphere", "orthogonal"]
IndependentNoise = Literal["rademacher", "gaussian", "sphere"]


def draw_probes(noise: Noise, k: int, batch: int, dim: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
    """k probes for each matrix of a batch, (k, batch, dim), on the generator's device.

    rademacher: independent signs. gaussian: standard normal. sphere: uniform on the sphere of radius √dim.
    orthogonal: for each matrix a uniform (Haar) frame of k ≤ dim orthogonal vectors of length √dim.
    """
    if noise == "rademacher":
        return rademacher(k, batch, dim, generator, dtype)
    # Half-precision normals would have coarse tails, and QR needs float32.
    wide = dtype if dtype in (torch.float32, torch.float64) else torch.float32
    normal = torch.randn(k, batch, dim, generator=generator, device=generator.device, dtype=wide)
    if noise == "sphere":
        normal = normal * (dim**0.5 / torch.linalg.vector_norm(normal, dim=-1, keepdim=True))
    elif noise == "orthogonal":
        Q, R = torch.linalg.qr(normal.permute(1, 2, 0))
        # Q of a Gaussian matrix is Haar only once the signs of R's diagonal are fixed (Mezzadri 2007).
        signs = R.diagonal(dim1=-2, dim2=-1).sign()
        normal = (Q * signs[:, None, :]).permute(2, 0, 1) * dim**0.5
    return normal.to(dtype)


def rademacher(k: int, batch: int, dim: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
    """Independent signs ±1, (k, batch, dim): 64 of them from each random integer, looked up a byte at a time.

    `randint(0, 2)` spends a whole random number on each sign and costs as much as the products it serves.
    """
    words, device = (k * batch * dim + 63) // 64, generator.device
    bits = torch.randint(-(2**63), 2**63 - 1, (words,), generator=generator, device=device, dtype=torch.int64)
    signs = _signs_of_bytes(device, dtype).index_select(0, bits.view(torch.uint8).int())
    return signs.as_strided((k, batch, dim), (batch * dim, dim, 1))  # the first k · batch · dim of them


@lru_cache(maxsize=32)
def _signs_of_bytes(device: torch.device, dtype: torch.dtype) -> Tensor:
    """Row b holds the eight signs of the bits of byte b: (256, 8)."""
    bits = (torch.arange(256)[:, None] >> torch.arange(8)) & 1
    return (2 * bits - 1).to(device=device, dtype=dtype)
