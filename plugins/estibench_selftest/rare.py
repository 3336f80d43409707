"""Noise that comes from a rare event: most draws are equal, and few seeds see the others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from estibench import (
    Bias,
    ErrorBar,
    ErrorBarEstimator,
    Known,
    PositiveFloat,
    Unbiased,
    Variance,
)
from estibench_selftest.constant import Constant

COVERING = 1.96  # standard deviations from the truth up to which the error bar covers it


def rare_variance(problem: Constant, estimator: Rare) -> Tensor:
    """Variance of each component, (components,)."""
    one = problem.truth.square() if estimator.values == "weights" else torch.ones_like(problem.truth)
    return one * ((1 - estimator.probability) / estimator.probability if estimator.values == "weights" else 1.0)


@dataclass(frozen=True)
class Rare(Known, ErrorBarEstimator):
    """t + b + noise of mean 0 that comes from an event of probability ε.

    `above`: −√(ε/(1 − ε)), and √((1 − ε)/ε) with probability ε, independently in each component; `below` is its mirror
    image. `either`: 0, and ±1/√ε with probability ε/2 each. All these have variance 1. `weights`: the estimate is t/ε
    with probability ε in all components at once and 0 else, an importance weight of variance ‖t‖² (1 − ε)/ε.

    Its error bar is the true standard deviation. It covers in the bulk of the draws, and at the event where ε is large.

    Parameters:
        probability: ε.
        values: see above.
        bias: b.
    """

    probability: PositiveFloat = 0.01
    values: Literal["above", "below", "either", "weights"] = "above"
    bias: float = 0.0

    claims = (
        Unbiased(when=lambda problem, estimator: estimator.bias == 0, given="b = 0"),
        Bias(lambda problem, estimator: estimator.bias, "b"),
        Variance(lambda problem, estimator: float(rare_variance(problem, estimator).sum()), "σ² in total"),
        Variance(rare_variance, "σ² in each component"),
        ErrorBar(
            lambda problem, estimator: estimator.covering,
            "the bulk",
            when=lambda problem, estimator: estimator.bias == 0,
            given="b = 0",
        ),
    )
    citation = "Everything about it follows from its definition."
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"probability": 0.3},
        {"probability": 0.3, "values": "either"},
        {"probability": 0.3, "values": "weights"},
    )
    expected_failures: ClassVar[Mapping[str, str]] = {"counts_its_work": "there is nothing in it to count"}

    @property
    def tails(self) -> str:
        return f"events of probability {self.probability:g}"

    @property
    def is_rare(self) -> bool:
        return True

    @property
    def covering(self) -> float:
        """Probability that truth lies within the error bar."""
        e = self.probability
        bulk, event = math.sqrt(e / (1 - e)), math.sqrt((1 - e) / e)
        if self.values == "either":
            bulk, event = 0.0, 1 / math.sqrt(e)
        return (1 - e) * (bulk <= COVERING) + e * (event <= COVERING)

    def known(self, problem: Constant, confidence: float) -> Mapping[str, float]:
        each = rare_variance(problem, self)
        variance, largest, d = float(each.sum()), float(each.max()), problem.components
        return {
            "mse": variance + d * self.bias**2,
            "variance": variance,
            "bias": math.sqrt(d) * abs(self.bias),
            "mean_error": self.bias,
            "component_rmse_max": math.sqrt(largest + self.bias**2),
            "component_bias_max": abs(self.bias),
            "mse_ratio": variance / d + self.bias**2,
        }

    def estimate_with_error(self, problem: Constant, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The estimate and its standard error, each (components,)."""
        e, t = self.probability, problem.target
        several = 1 if self.values == "weights" else problem.components
        u = torch.rand(several, generator=generator, dtype=t.dtype, device=generator.device)
        hit = (u < e).to(t.dtype)
        bulk, event = -math.sqrt(e / (1 - e)), math.sqrt((1 - e) / e)
        if self.values == "weights":
            noise = t * (hit / e - 1)
        elif self.values == "either":
            noise = ((u < e / 2).to(t.dtype) - (u > 1 - e / 2).to(t.dtype)) / math.sqrt(e)
        else:
            noise = (bulk + (event - bulk) * hit) * (1 if self.values == "above" else -1)
        error = problem.place(rare_variance(problem, self).sqrt())
        return t + self.bias + noise, error
