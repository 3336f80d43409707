"""The task of sampling a categorical variable: does a sampler hit the probabilities, and how much noise does it use?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from estibench import PositiveFloat, PositiveInt, Problem, count


@dataclass(frozen=True, kw_only=True)
class CategoricalLaw(Problem):
    """The probabilities of a categorical variable, (K,), to be estimated by the frequencies of its samples.

    Parameters:
        values: K.
        law: `random`, softmax of normal logits; `zipf`, p_k ∝ 1/k; `uniform`.
        spread: standard deviation of random logits.
    """

    values: PositiveInt = 16
    law: Literal["random", "zipf", "uniform"] = "random"
    spread: PositiveFloat = 1.0

    @cached_property
    def exact_logits(self) -> Tensor:
        """Logarithms of the probabilities up to a constant, (K,), float64 on the CPU."""
        ranks = torch.arange(1, self.values + 1, dtype=torch.float64)
        if self.law == "zipf":
            return -ranks.log()
        if self.law == "uniform":
            return torch.zeros_like(ranks)
        return self.spread * torch.randn(self.values, generator=self.data_generator(), dtype=torch.float64)

    @cached_property
    def logits(self) -> Tensor:
        """Logarithms of the probabilities up to a constant, (K,)."""
        return self.place(self.exact_logits)

    def prepare(self) -> None:
        _ = self.logits

    def uniforms(self, shape: tuple[int, ...], dtype: torch.dtype, generator: torch.Generator) -> Tensor:
        """Uniform numbers in (0, 1). Costs one `uniform` each."""
        count("uniform", math.prod(shape))
        u = torch.rand(shape, generator=generator, dtype=dtype, device=generator.device)
        return u.clamp(min=torch.finfo(dtype).eps / 4)

    @cached_property
    def truth(self) -> Tensor:
        return torch.softmax(self.exact_logits, 0)

    @property
    def truth_source(self) -> str:
        return "closed form"
