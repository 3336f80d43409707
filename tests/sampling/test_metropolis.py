"""Accepting and rejecting: the closed form of the rate, invariance, and unnormalised targets."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from estibench_sampling import hmc, mala
from estibench_sampling.metropolis import acceptance_of_leapfrog
from estibench_sampling.target import Target


def test_the_acceptance_rate_in_one_dimension_is_its_integral():
    """∫∫ p(x) q(x, y) min(1, p(y) q(y, x)/p(x) q(x, y)) for MALA on N(0, τ²), by the trapezoidal rule."""
    tau2, eta = 2.0, 1.7
    ticks = torch.linspace(-14, 14, 2001, dtype=torch.float64)
    x, y = torch.meshgrid(ticks, ticks, indexing="ij")

    def log_p(z):
        return -0.5 * z.square() / tau2 - 0.5 * math.log(2 * math.pi * tau2)

    def log_q(a, b):
        return -(b - a + eta * a / tau2).square() / (4 * eta) - 0.5 * math.log(4 * math.pi * eta)

    there, back = log_p(x) + log_q(x, y), log_p(y) + log_q(y, x)
    integral = torch.minimum(there, back).exp().sum() * (ticks[1] - ticks[0]) ** 2
    assert acceptance_of_leapfrog(math.sqrt(2 * eta), 1, tau2, 1) == pytest.approx(float(integral), abs=1e-4)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("mala", {"steps": 5, "step_size": 0.8}),
        ("hmc", {"steps": 4, "step_size": 0.9, "leapfrogs": 3}),
    ],
)
@pytest.mark.parametrize("dim", [1, 8])
def test_the_acceptance_rate_is_claimed_and_found(build, verdicts, name, parameters, dim):
    """On N(0, 1.44 I) from the start in it; all four claims supported at 5 % in all."""
    problem = build(
        "problem", "sampling", density={"name": "gaussian", "scale": 1.2}, dim=dim, start="exact", chains=128
    )
    found = verdicts(build("estimator", name, **parameters), problem, 100)
    assert len(found) == 5
    assert set(found.values()) == {"supported"}


@pytest.mark.parametrize("density", ["gaussian_mixture", "quartic", "laplace"])
@pytest.mark.parametrize(
    ("name", "parameters"), [("mala", {"steps": 8, "step_size": 0.3}), ("hmc", {"steps": 4, "leapfrogs": 3})]
)
def test_what_starts_in_the_target_stays_in_it(build, verdicts, density, name, parameters):
    """Second moments are claimed for every density with known ones: 12 claims at 5 % for each cell."""
    problem = build("problem", "sampling", density={"name": density}, dim=2, start="exact", chains=128)
    found = verdicts(build("estimator", name, **parameters), problem, 100)
    assert "refuted" not in found.values()
    assert len(found) >= 2


def test_one_leapfrog_step_is_mala(build):
    """The same noise and the same uniform numbers lead to the same states, with η = h²/2."""
    density = build("density", "gaussian_mixture")
    target, x = Target(density), density.sample(50, torch.Generator().manual_seed(0))
    states = [
        mala.step(mala.init(x, target), target, 0.32, torch.Generator().manual_seed(1)),
        hmc.step(mala.init(x, target), target, 0.8, 1, torch.Generator().manual_seed(1)),
    ]
    for one, other in zip(*states, strict=True):
        torch.testing.assert_close(one, other)
    assert 0 < states[0].accepted.sum() < 50


@pytest.mark.parametrize("name", ["mala", "hmc", "ula", "underdamped"])
def test_the_normaliser_does_not_matter(build, name):
    """A density whose log_prob is off by a constant gives the same states, bit for bit up to rounding of the ratio."""
    problem = build("problem", "sampling", density={"name": "double_well"}, dim=2, chains=32)

    class Shifted(type(problem.density)):
        def log_prob(self, x):
            return super().log_prob(x) + 7.0

        @property
        def log_normalizer(self):
            return None

    shifted = replace(problem, density=Shifted(dim=2))
    sampler = build("estimator", name, steps=10)
    runs = [sampler.estimate(p, torch.Generator().manual_seed(0)).points for p in (problem, shifted)]
    torch.testing.assert_close(*runs)


def test_a_rejected_chain_keeps_everything(build):
    """A step of 10⁶ is never accepted on N(0, I)."""
    density = build("density", "gaussian")
    target, x = Target(density), density.sample(20, torch.Generator().manual_seed(0))
    before = mala.init(x, target)
    after = mala.step(before, target, 1e6, torch.Generator().manual_seed(1))
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other)
