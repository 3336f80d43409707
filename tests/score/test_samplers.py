"""Samplers of score models on a normal target with the exact score: the law of every number of steps is known."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from estibench_score.samplers import (
    RATIO,
    SNR,
    annealed_langevin,
    geometric,
    langevin,
    predictor_corrector,
    probability_flow,
)

N, TAU, START = 40_000, 0.7, 3.0
LEVELS = (0.2, 0.6, 2.0)


def _score(x, sigma):
    return -x / (TAU**2 + sigma**2)


def _langevin(variance, eta, sigma):
    return (1 - eta / (TAU**2 + sigma**2)) ** 2 * variance + 2 * eta


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_the_law_of_each_step(steps):
    """From N(0, 9) each step is linear: variances within 6 standard errors, √(2/40 000) = 0.7 %; 9 tests, 2e-8."""
    generator = torch.Generator().manual_seed(steps)
    start = START * torch.randn(N, 1, generator=generator, dtype=torch.float64)
    plain = annealed = corrected = START**2
    for _ in range(steps):
        plain = _langevin(plain, 0.1, 0.0)
    for sigma in reversed(LEVELS):
        for _ in range(math.ceil(steps / 3)):
            annealed = _langevin(annealed, RATIO * sigma**2, sigma)
    ladder = geometric(2.0, 0.2, steps)
    for sigma, tau in pairwise(ladder):
        gap = sigma**2 - tau**2
        predicted = (1 - gap / (TAU**2 + sigma**2)) ** 2 * corrected + gap
        corrected = _langevin(predicted, 2 * (SNR * tau) ** 2, tau)
    corrected *= (1 - 0.04 / (TAU**2 + 0.04)) ** 2
    found = {
        plain: langevin(lambda x: _score(x, 0.0), start, 0.1, steps, generator),
        annealed: annealed_langevin(_score, start, LEVELS, steps, generator),
        corrected: predictor_corrector(_score, start, LEVELS, steps, generator),
    }
    for variance, x in found.items():
        assert float(x.var()) == pytest.approx(variance, rel=6 * math.sqrt(2 / N))


def test_the_probability_flow_scales_a_normal_law():
    """x(σ) ∝ √(τ² + σ²), to 1e-4 in 16 steps of order 4."""
    x = torch.tensor([[1.0], [-2.0]], dtype=torch.float64)
    found = probability_flow(_score, x, LEVELS, 16)
    torch.testing.assert_close(found, x * math.sqrt((TAU**2 + 0.04) / (TAU**2 + 4.0)), rtol=1e-4, atol=0)
