"""One or several categorical variables under an objective of known degree."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import PositiveFloat, PositiveInt
from estibench_discrete.contract import MOST_STATES, GradientProblem, Objective
from estibench_discrete.objectives import DEGREES, Kind, draw_weights, make


@dataclass(frozen=True, kw_only=True)
class Categorical(GradientProblem):
    """∇_θ E f(z) for one variable of K values with normal logits. Truth: J(p) [f(e_k)]_k, shape (1, 1, K).

    Parameters:
        values: K.
        objective_kind: linear, quadratic, cubic or network; formulas in `estibench_discrete.objectives`.
        spread: standard deviation of the logits.
        offset: a constant added to f, which changes no gradient.
    """

    values: PositiveInt = 8
    objective_kind: Kind = "quadratic"
    spread: PositiveFloat = 1.0
    offset: float = 0.0

    citation = "Jang, Gu, Poole, ICLR 2017; Maddison, Mnih, Teh, ICLR 2017."

    @property
    def shape(self) -> tuple[int, int]:
        """L and K."""
        return 1, self.values

    @property
    def degree(self) -> int | None:
        return DEGREES[self.objective_kind]

    @cached_property
    def logits(self) -> Tensor:
        return self.place(
            self.spread * torch.randn((1, *self.shape), generator=self.data_generator(), dtype=torch.float64)
        )

    @cached_property
    def objective(self) -> Objective:
        generator = torch.Generator().manual_seed(self.seed + 1)
        weights = draw_weights(self.objective_kind, math.prod(self.shape), 32, generator)
        function = make(self.objective_kind, tuple(map(self.place, weights)))
        return Objective(lambda z: function(z.flatten(-2)) + self.offset, self.torch_dtype)


@dataclass(frozen=True, kw_only=True)
class Product(Categorical):
    """The same for L variables of K values, K^L ≤ 16384. Truth: the sum over all states, shape (1, L, K).

    The default, a network, decodes all variables together; quadratic and cubic objectives couple them as well.
    """

    variables: PositiveInt = 4
    objective_kind: Kind = "network"

    def __post_init__(self) -> None:
        if self.values**self.variables > MOST_STATES:
            raise ValueError(f"{self.values}^{self.variables} states are more than {MOST_STATES}")

    @property
    def shape(self) -> tuple[int, int]:
        return self.variables, self.values
