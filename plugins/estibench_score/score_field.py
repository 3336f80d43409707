"""The model's score at fixed parameters, with its derivatives: the oracles that objectives call. They count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Unsupported, count
from estibench_score.model import Level, ScoreModel

Field = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class ScoreField:
    """s = s_θ. Every result is differentiable in θ.

    One unit is one call on a whole minibatch. A `sweep` is work of the size of an evaluation, before the gradient in θ:
    an evaluation, and each of the VJPs that share it.

    Attributes:
        data_score: ∇ log p of the law that the minibatch comes from; only an oracle may use it.
        transformed: whether it is called inside a transform of `torch.func`; without, plain autograd is faster.
    """

    model: ScoreModel
    theta: Tensor
    data_score: Field
    transformed: bool = True

    def __call__(self, x: Tensor, level: Level = 0.0) -> Tensor:
        """s(x): (..., m) → (..., m)."""
        _spend("evaluation")
        return self.model.score(self.theta, x, level)

    def several(self, points: list[Tensor], level: Level = 0.0) -> list[Tensor]:
        """s at several batches of the same shape, evaluated as one."""
        _spend("evaluation", len(points))
        return list(self.model.score(self.theta, torch.stack(points), level))

    def log_densities(self, points: list[Tensor]) -> list[Tensor]:
        """log q_θ, up to a constant that may depend on θ, of batches of the same shape, (batch,) each."""
        found = self.model.log_density(self.theta, torch.stack(points))
        if found is None:
            raise Unsupported("contrastive divergence needs a model with an energy; a network of the score has none")
        _spend("evaluation", len(points))
        return list(found)

    def with_vjps(self, x: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """s(x) and ∇s(x)ᵀv for k directions at each point: (batch, m), (k, batch, m) → (batch, m), (k, batch, m).

        From the left: differentiating in θ what reverse mode made is up to twice as fast as after forward mode.
        """
        _spend("evaluation")
        _spend("vjp", v.shape[0])
        value, pull_back = self._linearised(x)
        products = pull_back(v[0])[None] if v.shape[0] == 1 else torch.func.vmap(pull_back)(v)
        return value, products

    def with_divergence(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """s(x) (batch, m) and tr ∇s(x) (batch,), exact: m VJPs in one call."""
        batch, m = x.shape
        unit_vectors = torch.eye(m, dtype=x.dtype, device=x.device)[:, None, :].expand(m, batch, m)
        s, products = self.with_vjps(x, unit_vectors)
        return s, products.diagonal(dim1=0, dim2=2).sum(-1)

    def with_curvature(self, x: Tensor, noise: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """s(x) (batch, m) and a sample of tr ∇s(x) for each of k noises (k, batch, hidden): (k, batch)."""
        found = self.model.propagate_curvature(self.theta, x, noise)
        if found is None:
            raise Unsupported("curvature propagation needs a model that is the gradient of an energy network")
        _spend("evaluation")
        _spend("vjp", 2 * noise[0].shape[0])
        return found

    def _linearised(self, x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """s(x), and v → ∇s(x)ᵀv."""
        if self.transformed:
            value, transposed = torch.func.vjp(lambda x: self.model.score(self.theta, x), x)[:2]
            return value, lambda v: transposed(v)[0]
        leaf = x.detach().requires_grad_()
        value = self.model.score(self.theta, leaf)
        return value, lambda v: torch.autograd.grad(value, leaf, v, create_graph=True)[0]


def _spend(unit: str, amount: int = 1) -> None:
    count(unit, amount)
    count("sweep", amount)
