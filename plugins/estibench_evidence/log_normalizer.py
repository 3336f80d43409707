"""The contract of `log_normalizer`: an unnormalised density, a normal proposal, and the path between both."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from estibench import PositiveFloat, PositiveInt, Problem, count
from estibench_evidence.normal_path import NormalPath

LARGEST = 70.0  # log Ẑ − log Z that counts as it is: fourth powers of Ẑ/Z must not overflow


@dataclass(frozen=True, kw_only=True)
class LogNormalizerProblem(Problem):
    """log Z of Z = ∫ γ(x) dx for an unnormalised density γ on R^m, m = dim. The truth has shape (1,).

    Estimators know γ through U = log γ − log q, q = N(0, s² I). Between both lies the path π_β ∝ q e^(βU), 0 ≤ β ≤ 1.

    An estimate is log Ẑ; two readings are about Ẑ/Z itself: `ratio`, whose mean is 1 where Ẑ is unbiased, and
    `ratio_variance`, (Ẑ/Z − 1)², whose mean is then Var(Ẑ/Z).

    Parameters:
        proposal_scale: s, the standard deviation of the proposal.
    """

    dim: PositiveInt = 8
    proposal_scale: PositiveFloat = 1.0

    @abstractmethod
    def log_gamma(self, x: Tensor) -> Tensor:
        """log γ: (..., dim) → (...). Counts nothing: estimators call `log_weight`."""

    @abstractmethod
    def log_normalizer(self) -> float:
        """log Z."""

    @property
    def path(self) -> NormalPath | None:
        """Closed forms along the path, on the problem's device in its dtype, where γ is normal up to Z; else None."""
        return None

    @cached_property
    def law(self) -> NormalPath | None:
        """The same in float64 on the CPU: what claims are computed from."""
        return self.at("cpu", "float64").path

    def propose(self, n: int, generator: torch.Generator) -> Tensor:
        """n independent points of q, (n, dim)."""
        z = torch.randn(n, self.dim, generator=generator, device=generator.device, dtype=self.torch_dtype)
        return self.proposal_scale * z

    def log_proposal(self, x: Tensor) -> Tensor:
        """log q: (..., dim) → (...)."""
        s = self.proposal_scale
        return -0.5 * (x / s).square().sum(-1) - self.dim * math.log(s * math.sqrt(2 * math.pi))

    def log_weight(self, x: Tensor) -> Tensor:
        """U = log γ − log q: (..., dim) → (...). Counts an `evaluation` for each point."""
        count("evaluation", math.prod(x.shape[:-1]))
        return self.log_gamma(x) - self.log_proposal(x)

    def prepare(self) -> None:
        self.log_gamma(torch.zeros(1, self.dim, dtype=self.torch_dtype, device=self.device))
        _ = self.path

    @cached_property
    def truth(self) -> Tensor:
        return torch.tensor([self.log_normalizer()], dtype=torch.float64)

    @property
    def magnitude(self) -> float:
        """|log Z|, and no less than dim: log γ and log q are sums of so many terms of order 1."""
        return max(abs(float(self.truth)), float(self.dim))

    def readings(self, estimate: Tensor, estimator: Any) -> Mapping[str, float]:
        ratio = math.exp(min(float(estimate) - float(self.truth), LARGEST))
        return {"ratio": ratio, "ratio_variance": (ratio - 1) ** 2}
