"""The toy of REBAR and RELAX: a coin that should come down on one side."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import torch
from annotated_types import Gt, Lt
from torch import Tensor

from estibench_discrete.contract import GradientProblem, Objective

Probability = Annotated[float, Gt(0), Lt(1)]


@dataclass(frozen=True, kw_only=True)
class BernoulliQuadratic(GradientProblem):
    """∇ E (b − t)² for b ~ Bernoulli(p), as a categorical variable of K = 2. Truth: p(1 − p)(1 − 2t) (−1, 1).

    For t < ½ the optimum is always b = 0, whatever t is, and the gradient is the smaller the closer t is to ½.

    Parameters:
        target: t.
        p: probability of 1.
    """

    target: float = 0.45
    p: Probability = 0.5

    citation = "Tucker et al., REBAR, NeurIPS 2017, section 5.1."

    @property
    def degree(self) -> int | None:
        return 2

    @cached_property
    def logits(self) -> Tensor:
        logit = math.log(self.p / (1 - self.p))
        return self.place(torch.tensor([[[0.0, logit]]], dtype=torch.float64))

    @cached_property
    def objective(self) -> Objective:
        return Objective(lambda z: (z[..., 0, 1] - self.target).square(), self.torch_dtype)

    @cached_property
    def truth(self) -> Tensor:
        slope = self.p * (1 - self.p) * (1 - 2 * self.target)
        return torch.tensor([[[-slope, slope]]], dtype=torch.float64)

    @property
    def truth_source(self) -> str:
        return "closed form"
