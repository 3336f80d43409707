"""The contract of `log_det`: residual blocks x + g(x), and the log-determinants of their Jacobians."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from estibench import PositiveInt, Problem, count
from estibench_flow.block import Block, Residual
from estibench_flow.lanczos import Product, products_of_block
from estibench_flow.pullback import Pullback
from estibench_flow.traces import Jacobian


@dataclass(frozen=True, kw_only=True)
class ResidualProblem(Problem):
    """log|det(I + J(x))| with J = ∂g/∂x at a batch of points, (batch,): what an invertible residual network adds to a
    log-density in each block.

    Parameters:
        dim: m.
        batch: number of points.
    """

    dim: PositiveInt = 16
    batch: PositiveInt = 8

    @property
    @abstractmethod
    def residual(self) -> Residual:
        """g: (..., dim) → (..., dim), each point by itself; a function or a module.

        A function is on the problem's device in its dtype; a copy of a module is put there, in evaluation mode.
        """

    @cached_property
    def points(self) -> Tensor:
        """x, (batch, dim), standard normal."""
        generator = torch.Generator().manual_seed(self.seed + 1)
        return self.place(torch.randn(self.batch, self.dim, generator=generator, dtype=torch.float64))

    @cached_property
    def _placed_residual(self) -> Residual:
        residual = self.residual
        return self.place(residual) if isinstance(residual, nn.Module) else residual

    def vjp(self) -> tuple[Tensor, Pullback]:
        """g(x), (batch, dim), and v ↦ vᵀJ, (k, batch, dim) → (k, batch, dim), as by `torch.func.vjp`.

        Counts one `evaluation`, and one `vjp` for each of the k cotangents of a call.
        """
        return self.block.vjp()

    @property
    def block(self) -> Block:
        """The block at the points, as estimators that also train take it."""
        return Block(self._placed_residual, self.points)

    @property
    def positive_definite(self) -> bool:
        """Whether I + J is known to be symmetric positive definite at every point."""
        return False

    def square(self, k: int) -> Product:
        """v ↦ Mv for k rows of every point, (k · batch, m).

        M = (I + J)ᵀ(I + J), or I + J itself where that is known to be positive definite.
        Counts one `evaluation`, and of each product k `vjp`, or 2k.
        """
        if self.positive_definite:
            _, products = self.vjp()

            def once(v: Tensor) -> Tensor:
                return v + products(v.reshape(k, self.batch, self.dim)).reshape(v.shape)

            return once
        count("evaluation")
        product = products_of_block(self._placed_residual, self.points.repeat(k, 1))

        def twice(v: Tensor) -> Tensor:
            count("vjp", 2 * k)
            return product(v)

        return twice

    def prepare(self) -> None:
        self._placed_residual(self.points)

    @cached_property
    def jacobians(self) -> Tensor:
        """J at every point, (batch, m, m), float64 on the CPU: for formulas, not for estimates."""
        exact = self.at("cpu", "float64")
        _, products = exact.vjp()
        return Jacobian(exact.points)(exact.points, products).unflatten(-1, (self.dim, self.dim))

    @cached_property
    def spectral_radius(self) -> float:
        """The largest modulus of an eigenvalue of any J: the series of log det(I + J) converges where it is below 1."""
        return float(torch.linalg.eigvals(self.jacobians).abs().max())

    @property
    def magnitude(self) -> float:
        return float(self.truth.norm()) + (self.batch * self.dim) ** 0.5
