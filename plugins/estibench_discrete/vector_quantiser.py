"""What estimators for a codebook share: each is a function of the code that a datum gets."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from estibench import Bias, Cost, Estimator, Unsupported, Variance
from estibench_discrete.contract import is_gradient
from estibench_discrete.distribution import one_hot, sample
from estibench_discrete.lookup import Lookup
from estibench_discrete.quantisation import Quantisation
from estibench_discrete.vq_fit import VQFit


@dataclass(frozen=True)
class VectorQuantiser(Estimator):
    """An estimator for a codebook. Its gradient is a function of the code that each datum gets.

    Parameters:
        assignment: `nearest`, as VQ-VAEs do, without any noise; or `sampled` from q.
    """

    assignment: Literal["nearest", "sampled"] = "nearest"

    @property
    @abstractmethod
    def loss(self) -> str:
        """The loss that it is for: `reconstruction` or `codebook`."""

    @abstractmethod
    def with_codes(self, problem: Lookup, z: Tensor) -> Tensor:
        """The estimate for given codes, one-hot (batch, codes), like x or like the codebook."""

    def gradient(self, lookup: Lookup, generator: torch.Generator) -> Tensor:
        """The estimate, like x or like the codebook."""
        if self.assignment == "nearest":
            return self.with_codes(lookup, one_hot(lookup.nearest, lookup.codebook[:, 0]))
        z = sample(lookup.probabilities[:, None], 1, generator)[0]
        return self.with_codes(lookup, z[:, 0].to(lookup.outputs.dtype))

    def estimate(self, problem: Any, generator: torch.Generator) -> Any:
        """The gradient, shaped like the truth, or the fit that such gradients lead to."""
        if isinstance(problem, Quantisation) and problem.loss == self.loss:
            return self.gradient(problem, generator)
        if isinstance(problem, VQFit) and self.loss == "reconstruction":
            return problem.follow(self.gradient, generator)
        raise Unsupported(f"needs a codebook and its {self.loss} loss")


def code_weights(problem: Quantisation, estimator: KnownQuantiser) -> Tensor:
    """The probability that each code is taken, (codes, batch), float64."""
    q = problem.exact.probabilities
    return (one_hot(problem.exact.nearest, q) if estimator.assignment == "nearest" else q).mT


def expected(problem: Quantisation, estimator: KnownQuantiser) -> Tensor:
    """Mean of the estimate, by summing over codes: shaped like the truth."""
    weights, terms = code_weights(problem, estimator), estimator.terms(problem.exact)
    mean = torch.einsum("cb,cb...->b...", weights, terms)
    return mean if problem.loss == "reconstruction" else mean.sum(0)


def variance(problem: Quantisation, estimator: KnownQuantiser) -> Tensor:
    """Total variance for each datum, (batch,): data are independent."""
    weights, terms = code_weights(problem, estimator), estimator.terms(problem.exact).flatten(2)
    centred = terms - torch.einsum("cb,cbi->bi", weights, terms)
    return torch.einsum("cb,cbi->b", weights, centred.square())


@dataclass(frozen=True)
class KnownQuantiser(VectorQuantiser):
    """One that can also write out its estimate code by code, from which its bias and variance follow exactly."""

    claims = (
        Bias(
            lambda problem, estimator: expected(problem, estimator) - problem.truth,
            "sum over codes",
            when=lambda problem, estimator: is_gradient(problem),
            given="the gradient itself is wanted",
        ),
        Variance(
            variance,
            "sum over codes",
            when=lambda problem, estimator: is_gradient(problem),
            given="the gradient itself is wanted",
        ),
        Cost("evaluation", lambda problem, estimator: problem.calls, "1 for each gradient"),
    )

    @abstractmethod
    def terms(self, problem: Quantisation) -> Tensor:
        """The estimate of each datum for each code, (codes, batch, …), by definition: float64, on the CPU."""
