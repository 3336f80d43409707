"""A law of sequences of codes, by counting those of training data."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench_discrete.distribution import one_hot, sample


@dataclass(frozen=True, eq=False)
class CodePrior:
    """π(c_1) Π_l π_l(c_l | c_{l−1}): a table of one code, the full joint law of two, a chain beyond.

    Attributes:
        first: π, (K,).
        following: π_l given the code before, (L − 1, K, K): rows are that code.

    Source: Krichevsky and Trofimov 1981, The performance of universal encoding (half a count more for each code).
    """

    first: Tensor
    following: Tensor

    @classmethod
    def of(cls, codes: Tensor, values: int) -> CodePrior:
        """By the codes, (n, L), of n data, each one of `values`, with half a count more for each: float64."""
        z = one_hot(codes, torch.zeros(values, dtype=torch.float64, device=codes.device))  # (n, L, K)
        first = z[:, 0].sum(0) + 0.5
        following = torch.einsum("nlj,nlk->ljk", z[:, :-1], z[:, 1:]) + 0.5
        return cls(first / first.sum(), following / following.sum(-1, keepdim=True))

    def log_prob(self, codes: Tensor) -> Tensor:
        """log π of sequences, (m, L) → (m,)."""
        stages = torch.arange(len(self.following), device=codes.device)
        steps = self.following.log()[stages, codes[:, :-1], codes[:, 1:]]
        return self.first.log()[codes[:, 0]] + steps.sum(-1)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """n sequences, (n, L)."""
        found = [sample(self.first[None, None], n, generator)[:, 0, 0]]  # one-hot, (n, K)
        for table in self.following:
            found.append(sample((found[-1] @ table)[:, None], 1, generator)[0, :, 0])
        return torch.stack(found, 1).argmax(-1)
