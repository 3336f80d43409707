"""Toys with a known optimum, and wrong fixed points for biased gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from estibench import PositiveInt
from estibench_discrete.bernoulli_quadratic import Probability
from estibench_discrete.contract import Objective
from estibench_discrete.fit import DiscreteFit, Parameters, Step


@dataclass(frozen=True, kw_only=True)
class BernoulliFit(DiscreteFit):
    """Minimise (1/L) Σ_l E |b_l − t|^c over the probabilities of L coins.

    Optimum: every coin on the side nearer to t, min(t, 1 − t)^c. Straight-through sees c |b − t|^(c−1) sign(b − t),
    whose mean is 0 at an inner p, for c = 2 at p = t. It stops there, at a loss of t(1 − t) where t² could be had.
    ReinMax is exact for c = 2 only.

    Parameters:
        target: t.
        power: c.
        variables: L.
        p: probability of 1 at the start.
    """

    target: Probability = 0.45
    power: Annotated[float, Ge(1)] = 2.0
    variables: PositiveInt = 1
    p: Probability = 0.5

    citation = "Tucker et al., NeurIPS 2017, section 5.1 (c = 2, L = 1); Liu et al., NeurIPS 2023, section 5.1 (any c)."
    examples = ({"steps": 5},)

    @property
    def states(self) -> int:
        return int(2**self.variables)

    def start(self) -> Parameters:
        row = torch.tensor([0.0, math.log(self.p / (1 - self.p))], dtype=torch.float64)
        return (self.place(row.expand(1, self.variables, 2)),)

    @cached_property
    def _objective(self) -> Objective:
        def mean_power(z: Tensor) -> Tensor:
            return (z[..., 1] - self.target).abs().pow(self.power).mean(-1)

        return Objective(mean_power, self.torch_dtype)

    def at_parameters(self, parameters: Parameters, generator: torch.Generator) -> Step:
        return Step(self._objective, parameters[0], lambda gradient: (gradient,))

    def loss(self, parameters: Parameters) -> Tensor:
        q = torch.softmax(parameters[0], -1)
        return (q[..., 1] * (1 - self.target) ** self.power + q[..., 0] * self.target**self.power).mean()

    @cached_property
    def truth(self) -> Tensor:
        least = min(self.target, 1 - self.target) ** self.power
        return torch.full((len(self.checkpoints),), least, dtype=torch.float64)

    @property
    def truth_source(self) -> str:
        return "closed form"
