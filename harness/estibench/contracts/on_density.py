"""What fits to samples of a known density share, whatever their model is."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from estibench.contracts.density import Density
from estibench.contracts.problem import Problem


@dataclass(frozen=True, kw_only=True)
class OnDensity(Problem):
    """First base of a `FitProblem` that learns a density and is judged by −log p(x) of held-out points. Truth, at every
    checkpoint: what the density itself scores on them. The excess over that estimates KL(p ‖ model).

    Parameters:
        density: the law of the data, normalised.
    """

    density: Density

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.density.log_normalizer is None:
            raise ValueError(f"{type(self.density).__name__} is not normalised, so its entropy is not known")

    @property
    @abstractmethod
    def exact_held_out(self) -> Tensor:
        """The held-out points, (points, dim), float64 on the CPU."""

    @cached_property
    def own_score(self) -> Tensor:
        """−mean log p(x) of the density itself on the held-out points, in nats: a scalar, float64."""
        law, normalizer = self.density.at("cpu", "float64"), self.density.log_normalizer
        assert normalizer is not None
        return normalizer - law.log_prob(self.exact_held_out).mean()

    @cached_property
    def truth(self) -> Tensor:
        assert self.axis is not None  # a fit's checkpoints
        return self.own_score.expand(len(self.axis[1])).clone()

    @property
    def truth_source(self) -> str:
        return "closed form: the density's own score on the held-out points"

    @property
    def law(self) -> Density:
        return self.density

    def real(self, n: int, generator: torch.Generator) -> Tensor:
        """Fresh samples."""
        return self.density.sample(n, generator)
