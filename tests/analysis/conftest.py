"""Simulated estimators of which bias, variance and work are known, for the coverage of intervals."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from scipy import stats

from estibench.measure import statistics


class Drawn:
    """Scalar estimators, and how many of their 95 % intervals must cover: fewer do in one of 10⁵ seeds."""

    repetitions = 200
    fewest = int(stats.binom.ppf(1e-5, repetitions, 0.95))

    @staticmethod
    def measure(
        generator: torch.Generator, law: str, bias: float, variance: float, work: float, **more: Any
    ) -> dict[str, Any]:
        """A row of the table: what 512 draws of the law, `normal` or `exponential`, say."""
        if law == "normal":
            z = torch.randn((512, 1), generator=generator, dtype=torch.float64)
        else:
            z = -torch.log(torch.rand((512, 1), generator=generator, dtype=torch.float64)) - 1
        m = statistics.Moments(bias + math.sqrt(variance) * z, torch.zeros(1, dtype=torch.float64))
        found = {
            "mse": statistics.mse_interval(m, 0.95),
            "variance": statistics.variance_interval(m, 0.95),
            "bias_squared": statistics.squared_bias_interval(m, 0.95),
        }
        sides = (("", "value"), ("_low", "low"), ("_high", "high"))
        return {f"{name}{end}": getattr(x, side) for name, x in found.items() for end, side in sides} | {
            "work": work,
            **more,
        }


@pytest.fixture
def drawn() -> Drawn:
    return Drawn()
