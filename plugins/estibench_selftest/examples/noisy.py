"""An estimator of a known vector to begin with: the truth, seen through noise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from estibench import Cost, Estimator, PositiveFloat, PositiveInt, ScalesAs, Unbiased, Variance, count
from estibench_selftest import Constant


@dataclass(frozen=True)
class Example(Estimator):
    """t + σ · (mean of k independent standard normals) in each component.

    Parameters:
        scale: σ.
        samples: k.

    Cost: k evaluations.
    """

    scale: PositiveFloat = 1.0
    samples: PositiveInt = 4

    claims = (
        Unbiased(),
        Variance(lambda problem, e: problem.components * e.scale**2 / e.samples, "D σ²/k"),
        Cost("evaluation", lambda problem, e: e.samples, "k"),
        ScalesAs("variance", "estimator_samples", -1),
    )
    citation = "Everything about it follows from its definition."

    def estimate(self, problem: Constant, generator: torch.Generator) -> Tensor:
        """The estimate, (components,)."""
        count("evaluation", self.samples)
        shape = (self.samples, problem.components)
        noise = torch.randn(shape, generator=generator, device=generator.device, dtype=problem.torch_dtype)
        return problem.target + self.scale * noise.mean(0)
