"""Estimators that are wrong in the ways in which published ones were: what they say of themselves must be refuted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from estibench import Cost, ErrorBar, ErrorBarEstimator, Estimator, Known, Unbiased, Unsupported, Variance, count
from estibench_selftest.constant import Constant
from estibench_selftest.noise import draw_noise

SAMPLES = 8


class _Wrong(Known):
    """Nothing of it needs to be known but which claims are false."""

    citation = "Wrong on purpose."
    expected_failures: ClassVar[Mapping[str, str]] = {
        "claims": "wrong on purpose: a run must refute what it claims",
        "counts_its_work": "there is nothing in it to count",
    }

    @property
    def tails(self) -> str:
        return "wrong"

    def known(self, problem: Constant, confidence: float) -> Mapping[str, float]:
        return {}


def _normal(problem: Constant, samples: int, generator: torch.Generator) -> Tensor:
    """Standard normal noise, (samples, components)."""
    return draw_noise("normal", (samples, problem.components), generator, problem.torch_dtype)


@dataclass(frozen=True)
class ClaimsUnbiased(_Wrong, Estimator):
    """t + 1/√3 + N(0, 1): its bias is half of its RMSE, the least that a verdict should notice."""

    claims = (Unbiased(), Variance(lambda problem, estimator: problem.components, "D"))
    false_claims = ("unbiased",)

    def estimate(self, problem: Constant, generator: torch.Generator) -> Tensor:
        """The estimate, (components,)."""
        return problem.target + 1 / math.sqrt(3) + _normal(problem, 1, generator)[0]


@dataclass(frozen=True)
class ClaimsVariance(_Wrong, Estimator):
    """t + N(0, 1), and says that its variance is half of what it is, the least that a verdict should notice."""

    claims = (Unbiased(), Variance(lambda problem, estimator: problem.components / 2, "D/2"))
    false_claims = ("variance = D/2",)

    def estimate(self, problem: Constant, generator: torch.Generator) -> Tensor:
        """The estimate, (components,)."""
        return problem.target + _normal(problem, 1, generator)[0]


@dataclass(frozen=True)
class DividesByM(_Wrong, Estimator):
    """(t + N(0, 1))/D: an average where a sum was meant."""

    claims = (Unbiased(),)
    false_claims = ("unbiased",)

    def estimate(self, problem: Constant, generator: torch.Generator) -> Tensor:
        """The estimate, (components,)."""
        if problem.components == 1:
            raise Unsupported("is right for one component")
        return (problem.target + _normal(problem, 1, generator)[0]) / problem.components


@dataclass(frozen=True)
class ForgetsToAverage(_Wrong, Estimator):
    """The sum of eight samples t + N(0, 1)."""

    claims = (Unbiased(),)
    false_claims = ("unbiased",)

    def estimate(self, problem: Constant, generator: torch.Generator) -> Tensor:
        """The estimate, (components,)."""
        return (problem.target + _normal(problem, SAMPLES, generator)).sum(0)


@dataclass(frozen=True)
class OneSided(_Wrong, Estimator):
    """t + |N(0, 1)|: noise of one sign."""

    claims = (Unbiased(),)
    false_claims = ("unbiased",)

    def estimate(self, problem: Constant, generator: torch.Generator) -> Tensor:
        """The estimate, (components,)."""
        return problem.target + _normal(problem, 1, generator)[0].abs()


@dataclass(frozen=True)
class BiasedBaseline(_Wrong, Estimator):
    """REINFORCE for d/dμ E_{x∼N(μ,1)} t x = t at μ = 0, with the mean of both samples as the baseline.

    The baseline holds the sample that it is subtracted from: the estimate shrinks by 1 − 1/2.
    """

    claims = (Unbiased(),)
    false_claims = ("unbiased",)

    def estimate(self, problem: Constant, generator: torch.Generator) -> Tensor:
        """The estimate, (components,)."""
        x = _normal(problem, 2, generator)
        return problem.target * ((x - x.mean(0)) * x).mean(0)


@dataclass(frozen=True)
class NarrowErrorBar(_Wrong, ErrorBarEstimator):
    """t + the mean of eight N(0, 1), with 1/8 for a standard error instead of 1/√8."""

    claims = (Unbiased(), ErrorBar())
    false_claims = ("error bar covers",)

    def estimate_with_error(self, problem: Constant, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The estimate and its standard error, each (components,)."""
        noise = _normal(problem, SAMPLES, generator).mean(0)
        return problem.target + noise, torch.full_like(noise, 1 / SAMPLES)


@dataclass(frozen=True)
class Stuck(_Wrong, Estimator):
    """t + 1, always: that all draws are equal is no excuse.

    Parameters:
        asks: whether it asks its generator for a number, which it does not use. It might then hide a rare event, if it
            did not claim to have no variance.
    """

    asks: bool = False

    claims = (Unbiased(), Variance(lambda problem, estimator: 0.0 if estimator.asks else None, "0"))
    false_claims = ("unbiased",)
    expected_failures: ClassVar = {
        "claims": "wrong on purpose: it is biased",
        "counts_its_work": "there is nothing in it to count",
        "draws_vary": "wrong on purpose: it does not say that it is deterministic",
    }

    def estimate(self, problem: Constant, generator: torch.Generator) -> Tensor:
        """The estimate, (components,)."""
        if self.asks:
            torch.rand((), generator=generator, device=generator.device)
        return problem.target + 1


@dataclass(frozen=True)
class Miscounts(_Wrong, Estimator):
    """t + the mean of eight N(0, 1), for nine evaluations."""

    claims = (Unbiased(), Cost("evaluation", lambda problem, estimator: SAMPLES, "8"))
    false_claims = ("evaluation = 8",)
    expected_failures: ClassVar = {"claims": "wrong on purpose: it spends nine"}

    def estimate(self, problem: Constant, generator: torch.Generator) -> Tensor:
        """The estimate, (components,)."""
        count("evaluation", SAMPLES + 1)
        return problem.target + _normal(problem, SAMPLES, generator).mean(0)
