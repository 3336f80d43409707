"""Truth + bias + noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import (
    Bias,
    Cost,
    ErrorBar,
    ErrorBarEstimator,
    Known,
    PositiveFloat,
    PositiveInt,
    ScalesAs,
    Unbiased,
    Variance,
    count,
)
from estibench_selftest.constant import Constant
from estibench_selftest.noise import BEYOND_LIMITS, Noise, draw_noise


def additive_variance(problem: Constant, estimator: Additive) -> float:
    """D σ²/k."""
    return problem.components * estimator.scale**2 / estimator.samples


@dataclass(frozen=True)
class Additive(Known, ErrorBarEstimator):
    """t + b + σ · (mean of k samples of noise), in each component alike.

    Mean squared error D (b² + σ²/k), total variance D σ²/k, bias b √D. Its error bar is the true σ/√k.

    Parameters:
        noise: distribution of the noise, mean 0 and variance 1; see `estibench_selftest.noise`.
        bias: b.
        scale: σ.
        samples: k, the samples that are averaged.

    Cost: k evaluations.
    """

    noise: Noise = "normal"
    bias: float = 0.0
    scale: PositiveFloat = 1.0
    samples: PositiveInt = 1

    claims = (
        Unbiased(when=lambda problem, estimator: estimator.bias == 0, given="b = 0"),
        Bias(lambda problem, estimator: estimator.bias, "b"),
        Variance(additive_variance, "D σ²/k"),
        ErrorBar(when=lambda problem, estimator: estimator.knows_coverage, given="noise is normal and b = 0"),
        Cost("evaluation", lambda problem, estimator: estimator.samples, "k"),
        ScalesAs("variance", "estimator_samples", -1),
        ScalesAs("cost_evaluation", "estimator_samples", 1),
    )
    citation = "Everything about it follows from its definition."

    @property
    def tails(self) -> str:
        return self.noise

    @property
    def coverable(self) -> bool:
        return self.noise not in BEYOND_LIMITS

    @property
    def knows_coverage(self) -> bool:
        """Whether the coverage of the error bar has a closed form."""
        return self.noise == "normal" and self.bias == 0

    def known(self, problem: Constant, confidence: float) -> Mapping[str, float]:
        d, norm = problem.components, float(problem.truth.norm())
        variance = self.scale**2 / self.samples
        mse = d * (self.bias**2 + variance)
        found = {
            "mse": mse,
            "rmse": math.sqrt(mse),
            "relative_rmse": math.sqrt(mse) / norm,
            "variance": d * variance,
            "bias_squared": d * self.bias**2,
            "bias": math.sqrt(d) * abs(self.bias),
            "relative_bias": math.sqrt(d) * abs(self.bias) / norm,
            "mean_error": self.bias,
            "component_rmse_max": math.sqrt(mse / d),
            "component_bias_max": abs(self.bias),
            "mse_ratio": mse / d,
        }
        return found | ({"coverage": confidence} if self.knows_coverage else {})

    def estimate_with_error(self, problem: Constant, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The estimate and its standard error, each (components,)."""
        count("evaluation", self.samples)
        shape = (self.samples, problem.components)
        noise = draw_noise(self.noise, shape, generator, problem.torch_dtype).mean(0)
        error = torch.full_like(noise, self.scale / math.sqrt(self.samples))
        return problem.target + self.bias + self.scale * noise, error
