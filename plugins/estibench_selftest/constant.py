"""The task and the problem: a vector that is known beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench import PositiveInt, Problem, Task


@dataclass(frozen=True, kw_only=True)
class Constant(Problem):
    """The vector t with components from 1 to 2 in equal steps; (1) for one component.

    Parameters:
        components: D, its length.
    """

    components: PositiveInt = 1

    examples = ({"components": 2},)

    @property
    def truth(self) -> Tensor:
        """t, (components,)."""
        return torch.linspace(1, 2, self.components, dtype=torch.float64)

    @property
    def truth_source(self) -> str:
        return "chosen"

    @cached_property
    def target(self) -> Tensor:
        """t on the problem's device and in its dtype, (components,)."""
        return self.place(self.truth)


SYNTHETIC = Task(
    contract=Constant,
    baseline="additive",
    work="evaluation",
    docs="docs/tasks/synthetic.md",
    example="estibench_selftest.examples.noisy",
)
