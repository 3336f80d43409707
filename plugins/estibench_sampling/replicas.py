"""Replicas of chains at rising temperatures: their common target, and how neighbours exchange their states."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from estibench_sampling.mala import State
from estibench_sampling.metropolis import accept
from estibench_sampling.target import Target


class Tempered(NamedTuple):
    """The target of all replicas at once, in y = x/√T: log p(√T y)/T and its derivative, ∇log p(√T y)/√T.

    A step of size h in y is one of √T h on p^{1/T}: as on a normal law, whose width is √T times as large, so is every
    step, and the rates of acceptance are the same. A call counts an evaluation for each of a chain's replicas.
    """

    target: Target
    widths: Tensor  # √T, (levels, 1, 1)

    def score(self, y: Tensor) -> Tensor:
        """(levels · chains, dim), like y."""
        return (self.target.score(self._x(y)) / self.widths).flatten(0, 1)

    def log_prob_and_score(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """(levels · chains,) and (levels · chains, dim)."""
        log_prob, score = self.target.log_prob_and_score(self._x(y))
        return (log_prob / self.widths[..., 0].square()).flatten(), (score / self.widths).flatten(0, 1)

    def _x(self, y: Tensor) -> Tensor:
        return self.widths * y.unflatten(0, (len(self.widths), -1))


def swap(replicas: State, widths: Tensor, odd: int, generator: torch.Generator) -> tuple[State, Tensor]:
    """Neighbouring levels i and j = i + 1, i = odd, odd + 2, …, exchange x with probability
    min(1, e^{(1/T_i − 1/T_j)(log p(x_j) − log p(x_i))}). No evaluation. Also how many swaps each chain made, (chains,).
    """
    levels, pairs = len(widths), (len(widths) - odd) // 2
    sizes = [odd, 2 * pairs, levels - odd - 2 * pairs]  # levels below all pairs, in them, above them
    root = widths.split(sizes)[1].unflatten(0, (pairs, 2))  # √T_i and √T_j: (pairs, 2, 1, 1)
    T = root.square()[..., 0]
    log_p = T * replicas.log_prob.unflatten(0, (levels, -1)).split(sizes)[1].unflatten(0, (pairs, 2))
    swapped = accept(((1 / T[:, 0] - 1 / T[:, 1]) * (log_p[:, 1] - log_p[:, 0])), generator)  # (pairs, chains)

    def exchanged(each: Tensor, units: Tensor) -> Tensor:
        """In new units: neither x nor its derivatives change on their way to another level."""
        below, paired, above = each.unflatten(0, (levels, -1)).split(sizes)
        paired = paired.unflatten(0, (pairs, 2))
        moved = swapped[:, None].unflatten(-1, (-1, *[1] * (paired.ndim - 3)))
        paired = torch.where(moved, units.flip(1) / units * paired.flip(1), paired)
        return torch.cat([below, paired.flatten(0, 1), above]).flatten(0, 1)

    x, score = exchanged(replicas.x, root), exchanged(replicas.score, root)
    return replicas._replace(x=x, score=score, log_prob=exchanged(replicas.log_prob, T)), swapped.sum(0)
