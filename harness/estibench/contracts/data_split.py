"""A set of data, some of which are held out."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from estibench.contracts.problem import Problem


@dataclass(frozen=True, kw_only=True)
class DataSplit(Problem):
    """Base of a `FitProblem` that trains in minibatches of one part of its data and is judged on the other.

    Class attributes:
        unit: what −log p(x) is counted in, per nat.
        offset: what is added to it, for data that are trained on in other units than they are judged in.
    """

    unit: ClassVar[float] = 1.0
    offset: ClassVar[float] = 0.0

    @property
    @abstractmethod
    def training(self) -> Tensor:
        """The data, (points, D), on the problem's device in its dtype."""

    @property
    @abstractmethod
    def held_out(self) -> Tensor:
        """What the model is judged on, (points, D), likewise."""

    def dequantised(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """A minibatch as it is trained on. Default: as it is."""
        return x
