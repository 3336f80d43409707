"""What fits by maximum likelihood share, whatever the model: data, an exact judge, and the estimator's own view."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from estibench import Fit, FitProblem, PositiveFloat, PositiveInt, counting

Parameters = tuple[Tensor, ...]
OWN_VIEW = 5_003  # added to the seed of a problem


@dataclass(frozen=True, kw_only=True)
class LikelihoodFit(FitProblem):
    """A model trained along the gradient of −mean log p(x) of minibatches, with what an estimator takes for log p(x).

    Its curve is the negative log-likelihood of held-out points in nats per point, exact whatever trains it, in the
    data's own coordinates. Readings of the model at the end of a run: `overstated`, the exact negative log-likelihood
    of those points less what the estimator itself says of them; `misjudged`, the root mean square over points of that
    difference; `bits_per_dimension` where the data were whole numbers.

    Parameters:
        dim: of the data.
        batch: points of a minibatch.
    """

    dim: PositiveInt = 2
    batch: PositiveInt = 128
    steps: PositiveInt = 150
    rate: PositiveFloat = 0.02

    per_decade: ClassVar[int] = 2

    @abstractmethod
    def minibatches(self, n: int, generator: torch.Generator) -> Tensor:
        """n minibatches for training, (n, batch, dim), in the model's coordinates."""

    @property
    @abstractmethod
    def exact_held_out(self) -> Tensor:
        """The held-out points, (points, dim), float64 on the CPU, in the model's coordinates."""

    @abstractmethod
    def log_density(self, parameters: Parameters, x: Tensor) -> Tensor:
        """Exact log p(x), float64: parameters with leading dimensions (…), x (points, dim) → (…, points)."""

    @abstractmethod
    def own_log_density(
        self, parameters: Parameters, estimator: Any, x: Tensor, generator: torch.Generator
    ) -> Tensor | None:
        """What the estimator takes for log p(x), (points,); None where it does not tell."""

    @property
    def log_jacobian(self) -> float:
        """log|det ∂x/∂y| of the model's coordinates x in the data's own y. Default: 0, they are the same."""
        return 0.0

    def original(self, x: Tensor) -> Tensor:
        """Points of the model in the data's own coordinates, (n, dim) → (n, dim). Default: the same."""
        return x

    @property
    def grey_level(self) -> float | None:
        """What one grey level is worth in the data's own coordinates, where they were whole numbers. Default: None."""
        return None

    @cached_property
    def _held_out(self) -> Tensor:
        return self.exact_held_out.to(self.device)

    def real(self, n: int, generator: torch.Generator) -> Tensor | None:
        """Held-out points."""
        return self.original(self.exact_held_out[:n])

    def curve(self, fit: Fit, estimator: Any) -> Tensor:
        """Negative log-likelihood of the held-out points, in nats per point."""
        wide = tuple(one.double() for one in fit.snapshots)
        found = -self.log_density(wide, self._held_out).mean(-1) - self.log_jacobian
        return found.to(fit.snapshots[0].dtype)

    def readings(self, fit: Fit, estimator: Any) -> Mapping[str, Tensor]:
        """The floors of distances, and how the likelihood of the final model is seen."""
        found = dict(super().readings(fit, estimator))
        exact = self.log_density(tuple(one.double() for one in fit.final), self._held_out)
        stream = torch.Generator(self.device).manual_seed(self.seed + OWN_VIEW)
        with counting():  # what measuring spends is not the estimator's
            own = self.own_log_density(fit.final, estimator, self.place(self.exact_held_out), stream)
        if own is not None:
            found |= {"overstated": (own - exact).mean(), "misjudged": (own - exact).square().mean().sqrt()}
        if self.grey_level is not None:
            nats = -exact.mean() - self.log_jacobian
            found["bits_per_dimension"] = (nats / self.dim - math.log(self.grey_level)) / math.log(2)
        return found
