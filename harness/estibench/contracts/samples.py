"""The sample-set family: an estimate is a set of samples, judged by how far it is from the target."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from estibench.contracts.problem import Problem


class SampleSet(NamedTuple):
    """What a sampler returns: one estimate of a target distribution.

    Attributes:
        points: states of independent chains in the problem's dtype, (records, chains, dim); the last record is the end.
        statistics: scalars that the sampler reports about itself, such as `acceptance`: columns `reading_<name>`.
    """

    points: Tensor
    statistics: Mapping[str, Tensor | float] = {}


@dataclass(frozen=True, kw_only=True)
class SampleProblem(Problem):
    """A target distribution. Its estimators' `estimate` returns a `SampleSet`.

    A draw is one whole set of samples. What is kept of it is its `discrepancy` to the target, by which samplers are
    ranked, with all that `errors` and `readings` see in it. `mse` is then the mean square of the discrepancy, `bias`
    its mean, and the truth is 0: the discrepancy of the target to itself.
    """

    @property
    @abstractmethod
    def estimate_shape(self) -> tuple[int, int, int]:
        """The shape that `points` must have: (records, chains, dim)."""

    @abstractmethod
    def discrepancy(self, samples: SampleSet) -> Tensor | float:
        """How far the samples are from the target: a scalar ≥ 0 that tends to 0 with more samples of the target."""

    @property
    def truth(self) -> Tensor:
        """One zero."""
        return torch.zeros(1, dtype=torch.float64)
