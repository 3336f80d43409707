"""What samplers may know of a density: its score and its log-density, counted, and free of gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from estibench import DataDensity, Density, NoisedDensity, Unsupported, count

Score = Callable[[Tensor], Tensor]


class Potential(Protocol):
    """What a Metropolis move asks for: of a target, or of a tempered one."""

    def score(self, x: Tensor) -> Tensor:
        """The gradient of what `log_prob_and_score` gives first: (n, dim) → (n, dim)."""

    def log_prob_and_score(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Log-density up to a constant, and its gradient: (n, dim) → (n,), (n, dim)."""


@dataclass(frozen=True)
class Target:
    """A density's oracles. One unit is one call on all chains, (chains, dim), so the counts are per chain; a call on
    several states of each chain, (states, chains, dim), counts as many.

    No sampler differentiates: an energy network's parameters may require gradients, what leaves its score does not.

    `score_evaluation`: ∇ log p, or the score of a noised law. `log_prob_evaluation`: log p up to a constant.
    `datum_score`: one datum's part in the score of a posterior, N of them in each whole score.

    Attributes:
        density: on the problem's device, in its dtype.
        normal: whether the density is.
    """

    density: Density
    normal: bool = False
    _noised: dict[float, Density] = field(default_factory=dict, repr=False, compare=False)
    _flows: dict[float, tuple[Tensor, Tensor]] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        """What a density makes when it is first asked, such as a network, is made now: inside of the transforms of
        `torch.func`, in which samplers and scores run, torch lets no module be moved or cast."""
        with torch.no_grad():
            self.density.log_prob(self.density.place(torch.zeros(1, self.density.dim, dtype=torch.float64)))

    def score(self, x: Tensor) -> Tensor:
        """∇ log p: (..., chains, dim) → (..., chains, dim). The normaliser drops out."""
        self._count_score(x)
        return self.density.score(x).detach()

    @cached_property
    def data_size(self) -> int:
        """N of a posterior of data, else 0."""
        return self.density.data_size if isinstance(self.density, DataDensity) else 0

    def minibatch_score(self, x: Tensor, chosen: Tensor, step: int) -> Tensor:
        """The score with a minibatch for each chain: (chains, dim), (chains, B) → (chains, dim).

        Counts B data, and one evaluation whenever N of them have been begun, `step` minibatches being behind.
        """
        assert isinstance(self.density, DataDensity)
        batch, size = chosen.shape[-1], self.data_size
        count("datum_score", batch)
        count("score_evaluation", evaluations(step + 1, batch, size) - evaluations(step, batch, size))
        return self.density.minibatch_score(x, chosen).detach()

    def log_prob(self, x: Tensor) -> Tensor:
        """log p up to a constant: (..., chains, dim) → (..., chains)."""
        count("log_prob_evaluation", math.prod(x.shape[:-2]))
        return self.density.log_prob(x).detach()

    def log_prob_and_score(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Both, shaped as by themselves, in one pass where the density can. One evaluation of each."""
        self._count_score(x)
        count("log_prob_evaluation", math.prod(x.shape[:-2]))
        log_prob, score = self.density.log_prob_and_score(x)
        return log_prob.detach(), score.detach()

    def _count_score(self, x: Tensor) -> None:
        calls = math.prod(x.shape[:-2])
        count("score_evaluation", calls)
        if self.data_size:
            count("datum_score", calls * self.data_size)

    def noised_score(self, sigma: float) -> Score:
        """The score of x + σε, ε ~ N(0, I); that of the density itself at σ = 0.

        Raises:
            Unsupported: the convolution is not known.
        """
        if sigma == 0:
            return self.score
        if sigma not in self._noised:
            if not isinstance(self.density, NoisedDensity):
                raise Unsupported(f"{type(self.density).__name__} has no exact convolution with noise")
            self._noised[sigma] = self.density.noised(sigma)
        law = self._noised[sigma]

        def score(x: Tensor) -> Tensor:
            count("score_evaluation")
            return law.score(x).detach()

        return score

    def end_of_flow(self, x: Tensor, sigma: float) -> Tensor | None:
        """Where the probability flow dx/dσ = −σ∇log p_σ(x) takes x from level σ to 0, (chains, dim); None unless the
        density is normal: μ + (Σ(Σ + σ²I)⁻¹)^½(x − μ). A truth, for no sampler to use; it counts nothing.
        """
        if not self.normal:
            return None
        if sigma not in self._flows:
            mean, covariance = self.density.mean, self.density.covariance_matrix
            assert mean is not None and covariance is not None  # noqa: PT018 - what is normal has both
            variance, Q = torch.linalg.eigh(covariance)
            shrink = (Q * (variance / (variance + sigma**2)).sqrt()) @ Q.T
            self._flows[sigma] = self.density.place(mean), self.density.place(shrink)
        mean, shrink = self._flows[sigma]
        return mean + (x - mean) @ shrink


def evaluations(steps: int, batch: int, size: int) -> int:
    """How many whole evaluations so many minibatches are worth, rounded up."""
    return -(-steps * batch // size)
