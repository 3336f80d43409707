"""One-dimensional densities by table: their mass, and samples by the inverse distribution function."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

NODES = 2**16 + 1


@dataclass(frozen=True)
class Table:
    """A density f on an interval.

    Attributes:
        nodes: equally spaced, (NODES,).
        cumulative: F at the nodes, from 0 to 1.
        density: f/∫f at the nodes, (NODES,).
        log_mass: log ∫ f.
    """

    nodes: Tensor
    cumulative: Tensor
    density: Tensor
    log_mass: float

    def moment(self, order: int) -> float:
        """E xᵏ, k = order, by the same trapezoidal rule as the mass."""
        return float(torch.trapezoid(self.density * self.nodes**order, self.nodes))

    def sample(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Independent samples F⁻¹(u), float64; uniform within a cell, 1/65536 of the interval."""
        u = torch.rand(shape, generator=generator, dtype=torch.float64)
        return torch.from_numpy(np.interp(u.numpy(), self.cumulative.numpy(), self.nodes.numpy()))


def tabulate(log_f: Callable[[Tensor], Tensor], low: float, high: float) -> Table:
    """The table of f = exp(log_f) on [low, high], outside of which f must be negligible.

    The mass is a trapezoidal sum, exact to rounding for smooth f that vanishes at both ends (Trefethen and
    Weideman 2014, The exponentially convergent trapezoidal rule).
    """
    nodes = torch.linspace(low, high, NODES, dtype=torch.float64)
    values = log_f(nodes)
    top = float(values.max())
    f = (values - top).exp()
    cumulative = torch.cat([values.new_zeros(1), torch.cumulative_trapezoid(f, nodes)])
    mass = float(cumulative[-1])
    return Table(nodes, cumulative / mass, f / mass, top + math.log(mass))
