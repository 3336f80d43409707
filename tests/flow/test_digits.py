"""Digits as data of flows: grey levels with noise, and likelihoods in the levels' own coordinates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch

from estibench import Fit
from estibench_flow.data_fit import DataFit
from estibench_flow.likelihood_fit import LikelihoodFit


@dataclass(frozen=True, kw_only=True)
class Uniform(DataFit):
    """A model that is uniform on the unit cube of the levels: of log-density −log|det ∂x/∂y| where it is trained."""

    def log_density(self, parameters, x):
        inverse = self.original(torch.eye(64, dtype=torch.float64)) - self.original(torch.zeros(1, 64).double())
        return torch.full_like(x[..., 0], float(torch.linalg.slogdet(inverse).logabsdet))


@pytest.fixture(scope="module")
def problem():
    return Uniform(data="digits", dim=64, batch=32, held_out=20, steps=1, hidden=4)


def test_minibatches_are_grey_levels_with_fresh_noise(problem):
    stream = torch.Generator().manual_seed(0)
    y = problem.original(problem.minibatches(2, stream)).flatten(0, 1)
    assert float(y.min()) > -1e-9
    assert float(y.max()) < 1 + 1e-9
    levels = (17 * y + 1e-9).floor()
    known = {tuple(row) for row in problem._raw[0].tolist()}
    assert all(tuple(row) in known for row in levels.tolist())
    noise = 17 * y - levels
    assert abs(float(noise.mean()) - 0.5) < 5 * (1 / 12 / noise.numel()) ** 0.5  # chance 6e-7
    held_out = {tuple(row) for row in problem._raw[1].tolist()}
    assert not held_out & known


def test_a_uniform_law_has_log2_17_bits_per_dimension(problem):
    """The Jacobian of the whitening is in every likelihood, once and with its sign."""
    fit = Fit((problem._start.expand(2, -1),))
    assert abs(float(problem.curve(fit, None))) < 1e-4
    bits = LikelihoodFit.readings(problem, fit, None)["bits_per_dimension"]
    assert float(bits) == pytest.approx(math.log2(17), rel=1e-9)
    assert abs(problem.log_jacobian) > 10
