"""Adam without in-place updates, so that many runs train at once under `vmap`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

Parameters = tuple[Tensor, ...]
FIRST, SECOND, EPSILON = 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class Adam:
    """Kingma and Ba (ICLR 2015), Algorithm 1, with its usual constants.

    Attributes:
        rate: step size.
        mean, square: decaying averages of the gradient and of its square.
        steps: taken so far.
    """

    rate: float
    mean: Parameters
    square: Parameters
    steps: int | Tensor = 0

    @classmethod
    def start(cls, parameters: Parameters, rate: float) -> Adam:
        nothing = tuple(map(torch.zeros_like, parameters))
        return cls(rate, nothing, nothing)

    def step(self, parameters: Parameters, gradient: Parameters) -> tuple[Parameters, Adam]:
        """The parameters after a step downhill, and the optimiser's state then."""
        steps = self.steps + 1
        mean = tuple(FIRST * m + (1 - FIRST) * g for m, g in zip(self.mean, gradient, strict=True))
        square = tuple(SECOND * s + (1 - SECOND) * g.square() for s, g in zip(self.square, gradient, strict=True))
        size, scale = self.rate / (1 - FIRST**steps), 1 / (1 - SECOND**steps)
        moved = tuple(
            p - size * m / ((scale * s).sqrt() + EPSILON) for p, m, s in zip(parameters, mean, square, strict=True)
        )
        return moved, replace(self, mean=mean, square=square, steps=steps)
