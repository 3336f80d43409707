"""Quadratic plus quartic energy: an exponential family from light tails to double wells."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from estibench import LaplacianDensity, PositiveFloat
from estibench_densities.matrices import random_orthogonal
from estibench_densities.tabulated import Table, tabulate


@dataclass(frozen=True, kw_only=True)
class Quartic(LaplacianDensity):
    """Independent coordinates y = Qᵀx with a common law:

        log p = −Σ_i (½a y_i² + ¼b y_i⁴) − log Z,
        ∇ log p = −Q(ay + by³),
        Δ log p = −am − 3b‖y‖²,   m = dim.

    `log_prob` leaves out log Z, which is known by quadrature. A negative a makes two wells in each y_i, at
    ±√(−a/b).

    Parameters:
        a: quadratic coefficient, of any sign.
        b: quartic coefficient.
        basis: `axes` for Q = I, whose Hessian is diagonal; `rotated` for a random orthogonal Q from the seed.
    """

    a: float = 1.0
    b: PositiveFloat = 1.0
    basis: Literal["axes", "rotated"] = "rotated"

    citation = "An own construction; its closed forms follow from its definition."
    examples = ({}, {"a": -2.0})

    @cached_property
    def _rotation(self) -> Tensor:
        """Q: (dim, dim), float64."""
        if self.basis == "axes":
            return torch.eye(self.dim, dtype=torch.float64)
        return random_orthogonal(self.dim, self.data_generator())

    @cached_property
    def _Q(self) -> Tensor:
        return self.place(self._rotation)

    @cached_property
    def _coordinate(self) -> Table:
        """The law of one y_i, on the interval outside of which ¼by⁴ − ½|a|y² exceeds 50."""
        end = math.sqrt((abs(self.a) + math.sqrt(self.a**2 + 200 * self.b)) / self.b)
        return tabulate(lambda y: -(0.5 * self.a + 0.25 * self.b * y.square()) * y.square(), -end, end)

    @property
    def log_normalizer(self) -> float:
        return self.dim * self._coordinate.log_mass

    def log_prob(self, x: Tensor) -> Tensor:
        y_2 = (x @ self._Q).square()
        return -((0.5 * self.a + 0.25 * self.b * y_2) * y_2).sum(-1)

    def score(self, x: Tensor) -> Tensor:
        y = x @ self._Q
        return -((self.a + self.b * y.square()) * y) @ self._Q.T

    def laplacian(self, x: Tensor) -> Tensor:
        return -self.a * self.dim - 3 * self.b * x.square().sum(-1)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return self._coordinate.sample((n, self.dim), generator) @ self._rotation.T

    @property
    def modes(self) -> Tensor | None:
        """0 for a ≥ 0; else the 2ᵐ corners y_i = ±√(−a/b), given up to 2¹² of them."""
        if self.a >= 0:
            return torch.zeros(1, self.dim, dtype=torch.float64)
        if self.dim > 12:
            return None
        wells = math.sqrt(-self.a / self.b) * torch.tensor([-1.0, 1.0], dtype=torch.float64)
        return torch.cartesian_prod(*self.dim * [wells]).reshape(-1, self.dim) @ self._rotation.T

    @property
    def mean(self) -> Tensor:
        return torch.zeros(self.dim, dtype=torch.float64)

    @property
    def covariance_matrix(self) -> Tensor:
        return self._coordinate.moment(2) * torch.eye(self.dim, dtype=torch.float64)

    def coordinate_moments(self, order: int) -> Tensor | None:
        if self.basis != "axes":
            return None
        moments = [self._coordinate.moment(k) for k in range(order + 1)]
        return torch.tensor(moments, dtype=torch.float64)[:, None].repeat(1, self.dim)
