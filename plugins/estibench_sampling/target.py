"""What samplers may know of a density: its score and its log-density, counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from estibench import Density, NoisedDensity, Unsupported, count

Score = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Target:
    """A density's oracles. One unit is one call on all chains, so the counts are per chain.

    `score_evaluation`: ∇ log p, or the score of a noised law. `log_prob_evaluation`: log p up to a constant.

    Attributes:
        density: on the problem's device, in its dtype.
    """

    density: Density
    _noised: dict[float, Density] = field(default_factory=dict, repr=False, compare=False)

    def score(self, x: Tensor) -> Tensor:
        """∇ log p: (chains, dim) → (chains, dim). The normaliser drops out."""
        count("score_evaluation")
        return self.density.score(x)

    def log_prob(self, x: Tensor) -> Tensor:
        """log p up to a constant: (chains, dim) → (chains,)."""
        count("log_prob_evaluation")
        return self.density.log_prob(x)

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
            return law.score(x)

        return score
