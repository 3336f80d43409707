"""Densities given by an energy alone, as by a network."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor, nn

from estibench import LaplacianDensity

Energy = Callable[[Tensor], Tensor]
"""E: (..., dim) → (...), each point by itself; composes with `torch.func`. A function or a module."""


@dataclass(frozen=True, kw_only=True)
class EnergyDensity(LaplacianDensity):
    """p ∝ e^(−E(x)): the score −∇E and the Laplacian −ΔE by automatic differentiation. Not normalised.

    A Laplacian costs dim derivatives of a gradient. Say in `log_normalizer` what is known of ∫ e^(−E), and in
    `exact_sampler` whether `sample` draws from p.
    """

    exact_sampler: ClassVar[bool] = False

    @property
    @abstractmethod
    def energy(self) -> Energy:
        """E, up to a constant.

        A function is on the density's device in its dtype. Of a module a copy is put there, in evaluation mode and with
        fixed weights.
        """

    @cached_property
    def _placed_energy(self) -> Energy:
        energy = self.energy
        placed = self.place(energy) if isinstance(energy, nn.Module) else energy
        return lambda x: placed(x.view_as(x))  # torch's hooks on modules, as of FLOP counters, refuse a leaf

    def log_prob(self, x: Tensor) -> Tensor:
        energy: Tensor = self._placed_energy(x)
        return -energy

    def score(self, x: Tensor) -> Tensor:
        energy = self._placed_energy
        return torch.func.grad(lambda y: -energy(y).sum())(x)

    def log_prob_and_score(self, x: Tensor) -> tuple[Tensor, Tensor]:
        energy = self._placed_energy

        def log_prob(y: Tensor) -> tuple[Tensor, Tensor]:
            each = -energy(y)
            return each.sum(), each

        score, each = torch.func.grad(log_prob, has_aux=True)(x)
        return each, score

    def laplacian(self, x: Tensor) -> Tensor:
        energy = self._placed_energy

        def at_a_point(y: Tensor) -> Tensor:
            return -torch.func.hessian(energy)(y).diagonal().sum()

        found: Tensor = torch.func.vmap(at_a_point)(x.reshape(-1, self.dim))
        return found.reshape(x.shape[:-1])

    @property
    def log_normalizer(self) -> float | None:
        return None
