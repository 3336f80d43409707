"""Traces of the Jacobian of a field's value, exact or estimated, from vector–Jacobian products.

Each method maps the products at z (..., m) to `columns` numbers per point, (..., columns), whose mean is the trace. A
column is an estimate of its own, so that their spread gives a standard error.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from estibench_flow.pullback import Pullback

ROWS = 2048  # unit vectors × points in one vectorised VJP: the flat optimum on CPUs
TraceName = Literal["exact", "rademacher", "gaussian"]


class TraceMethod(ABC):
    """How a trace is taken, made for one solve."""

    columns: int

    @abstractmethod
    def __call__(self, z: Tensor, products: Pullback) -> Tensor:
        """(..., columns), from products with the Jacobian at z (..., m)."""


class ExactTrace(TraceMethod):
    """Σ_i e_iᵀ J e_i: m VJPs, in chunks of unit vectors.

    Args:
        z: a tensor like those that will come, (..., m).
    """

    columns = 1

    def __init__(self, z: Tensor) -> None:
        m, points = z.shape[-1], max(z.numel() // z.shape[-1], 1)
        step = max(1, min(m, ROWS // points))
        self._chunks = [(start, unit_vectors(z, start, min(start + step, m))) for start in range(0, m, step)]

    def __call__(self, z: Tensor, products: Pullback) -> Tensor:
        parts = [products(basis).diagonal(offset=start, dim1=0, dim2=-1).sum(-1) for start, basis in self._chunks]
        return (parts[0] if len(parts) == 1 else torch.stack(parts).sum(0))[..., None]


@dataclass(frozen=True)
class HutchinsonTrace(TraceMethod):
    """vᵀ J v with E[vvᵀ] = I, one column for each of `columns` probes: as many VJPs (Hutchinson 1990).

    Attributes:
        redraw: draw new probes at every evaluation; otherwise one set serves the whole solve, as in FFJORD.
    """

    columns: int
    noise: Literal["rademacher", "gaussian"]
    generator: torch.Generator
    probes: Tensor
    redraw: bool

    @classmethod
    def start(
        cls, z: Tensor, columns: int, noise: Literal["rademacher", "gaussian"], redraw: bool, generator: torch.Generator
    ) -> HutchinsonTrace:
        """With its first probes, for tensors like z (..., m)."""
        return cls(columns, noise, generator, draw_probes(z, columns, noise, generator), redraw)

    def __call__(self, z: Tensor, products: Pullback) -> Tensor:
        v = draw_probes(z, self.columns, self.noise, self.generator) if self.redraw else self.probes
        return (v * products(v)).sum(-1).movedim(0, -1)


class Jacobian(TraceMethod):
    """All m² entries of J, row by row: for formulas, not for estimates."""

    def __init__(self, z: Tensor) -> None:
        m = z.shape[-1]
        self.columns = m * m
        self._basis = unit_vectors(z, 0, m)

    def __call__(self, z: Tensor, products: Pullback) -> Tensor:
        return products(self._basis).movedim(0, -2).flatten(-2)


def unit_vectors(z: Tensor, start: int, stop: int) -> Tensor:
    """e_start … e_stop−1 at every point of z (..., m): (stop − start, ..., m)."""
    basis = torch.zeros(stop - start, *z.shape, dtype=z.dtype, device=z.device)
    basis.diagonal(offset=start, dim1=0, dim2=-1).fill_(1)
    return basis


def draw_probes(z: Tensor, k: int, noise: str, generator: torch.Generator) -> Tensor:
    """k independent probes for every point of z (..., m): (k, ..., m)."""
    shape = (k, *z.shape)
    if noise == "gaussian":
        return torch.randn(shape, generator=generator, device=z.device, dtype=z.dtype)
    signs = torch.randint(2, shape, generator=generator, device=z.device, dtype=torch.int8)
    return (2 * signs - 1).to(z.dtype)
