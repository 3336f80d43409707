"""The contract of `residual_fit`: training residual flows, whose likelihood needs a log-determinant for each block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import torch
from annotated_types import Gt, Lt
from torch import Tensor

from estibench import Fit, PositiveInt
from estibench_flow.block import Block
from estibench_flow.capabilities import HasLogDet
from estibench_flow.flow import standard_normal
from estibench_flow.likelihood_fit import LikelihoodFit, Parameters
from estibench_flow.residual_network import ResidualNetwork

LogDet = Callable[[Block, torch.Generator], Tensor]
"""(block, generator) → log|det(I + J)| at its points, (..., dim) → (...), differentiable in the block's weights."""

LARGEST = 2**22  # entries of matrices that are decomposed at once


@dataclass(frozen=True, kw_only=True)
class ResidualFit(LikelihoodFit):
    """A residual flow (`estibench_flow.residual_network`) trained by maximum likelihood, with what the estimator takes
    for the log-determinant of each of its blocks:

        log p(x) = log N(z_L; 0, I) + Σ_l [Σ_i s_li + log|det(I + J_l)|].

    Its curve is the negative log-likelihood of held-out points in nats per point, by LU decompositions in float64
    whatever trains it. Samples are points of the prior, inverted block by block by fixed-point iterations.

    Parameters:
        dim: of the data.
        hidden: h, width of a block.
        blocks: L.
        lipschitz: c, bound of the Lipschitz constant of every residual throughout training.
        batch: points of a minibatch.
    """

    hidden: PositiveInt = 32
    blocks: PositiveInt = 6
    lipschitz: Annotated[float, Gt(0), Lt(1)] = 0.9

    citation = (
        "Behrmann et al., Invertible residual networks, ICML 2019; "
        "Chen, Behrmann, Duvenaud, Jacobsen, Residual flows, NeurIPS 2019, section 3."
    )

    @cached_property
    def _network(self) -> ResidualNetwork:
        return ResidualNetwork(self.dim, self.hidden, self.blocks, self.lipschitz)

    @cached_property
    def _start(self) -> Parameters:
        return tuple(map(self.place, self._network.initial(self.data_generator())))

    def prepare(self) -> None:
        _ = self._start, self._held_out
        self.minibatches(1, torch.Generator(self.device).manual_seed(0))

    def fit(self, log_det: LogDet, generator: torch.Generator, runs: int | None = None) -> Fit:
        """One training run with what the estimator takes for the log-determinant of a block.

        Args:
            log_det: called for every block in every step, with a differentiable `Block` at points (batch, dim).
            generator: of minibatches, and passed on.
            runs: so many side by side instead, each with minibatches and weights of its own. Then points are
                (runs, batch, dim), and their estimates must be independent.
        """

        def gradient(parameters: Parameters, state: None) -> tuple[Parameters, None]:
            leaves = tuple(one.detach().requires_grad_() for one in parameters)
            x = self.minibatches(runs or 1, generator)
            values = self._values(leaves, x[0] if runs is None else x, log_det, generator, differentiable=True)
            # The sum over runs: each has a gradient of its own.
            return torch.autograd.grad(-values.mean(-1).sum(), leaves), None

        start = self._start
        if runs is not None:
            start = tuple(one.expand(runs, *one.shape) for one in start)
        with torch.enable_grad():
            return self.train(start, gradient, side_by_side=runs is not None, generator=generator)

    def _values(
        self, parameters: Parameters, x: Tensor, log_det: LogDet, generator: torch.Generator, differentiable: bool
    ) -> Tensor:
        """log p(x) with such log-determinants, (..., points, dim) → (..., points)."""
        total = torch.zeros_like(x[..., 0])
        for layer in self._network.layers(parameters):
            x = layer.scaled(x)
            block = Block(layer.residual, x, differentiable)
            total = total + layer.s.sum(-1)[..., None] + log_det(block, generator)
            x = x + block.value
        return standard_normal(x) + total

    def log_density(self, parameters: Parameters, x: Tensor) -> Tensor:
        leading = parameters[0].shape[:-3]
        if leading.numel() > 1 and leading.numel() * len(x) * min(self.dim, self.hidden) ** 2 > LARGEST:
            return torch.stack([self.log_density(one, x) for one in zip(*parameters, strict=True)])
        x = x.expand(*leading, *x.shape)
        total = torch.zeros_like(x[..., 0])
        for layer in self._network.layers(parameters):
            x = layer.scaled(x)
            total = total + layer.s.sum(-1)[..., None] + layer.log_det(x)
            x = x + layer.residual(x)
        return standard_normal(x) + total

    def own_log_density(
        self, parameters: Parameters, estimator: Any, x: Tensor, generator: torch.Generator
    ) -> Tensor | None:
        if not isinstance(estimator, HasLogDet):
            return None
        return self._values(parameters, x, estimator.log_det, generator, differentiable=False)

    @torch.no_grad()
    def samples(self, fit: Fit, estimator: Any, n: int, generator: torch.Generator) -> Tensor:
        x = torch.randn(n, self.dim, generator=generator, device=generator.device, dtype=torch.float64)
        for layer in reversed([*self._network.layers(tuple(one.double() for one in fit.final))]):
            x = layer.inverse(x)
        return self.original(x).to(self.torch_dtype)
