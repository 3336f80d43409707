"""What a step of a sampler asks of its target, and what it does beside: counts of torch's calls, never times."""

from __future__ import annotations

import pytest
import torch

from estibench import counting
from estibench_densities.energy import EnergyDensity
from estibench_sampling import hmc, leimkuhler_matthews, mala, ula, underdamped
from estibench_sampling.target import Target

BESIDE = {"ula": 3, "leimkuhler_matthews": 4, "underdamped": 7, "mala": 21}  # noise, and the formula's sums
LEAPFROGS = 5


class Energy(EnergyDensity):
    """½‖tanh x‖²: an energy that autograd differentiates, with one tanh forwards and one backwards a pass."""

    @property
    def energy(self):
        return lambda x: 0.5 * torch.tanh(x).square().sum(-1)

    def sample(self, n, generator):
        raise NotImplementedError

    modes = mean = covariance_matrix = None


def steps_of(target, x, generator):
    """Sampler → a call that makes a step from x."""
    noisy = leimkuhler_matthews.init(x, generator)
    kinetic, metropolis = underdamped.init(x, target.score, generator), mala.init(x, target)
    return {
        "ula": lambda: ula.step(ula.init(x), target.score, 0.1, generator),
        "leimkuhler_matthews": lambda: leimkuhler_matthews.step(noisy, target.score, 0.1, generator),
        "underdamped": lambda: underdamped.step(kinetic, target.score, 0.3, 1.0, generator),
        "mala": lambda: mala.step(metropolis, target, 0.1, generator),
        "hmc": lambda: hmc.step(metropolis, target, 0.3, LEAPFROGS, generator),
    }


@pytest.mark.parametrize(
    ("sampler", "passes"), [("ula", 1), ("leimkuhler_matthews", 1), ("underdamped", 1), ("mala", 1), ("hmc", LEAPFROGS)]
)
def test_a_step_passes_once_through_an_energy_for_each_score(calls, sampler, passes):
    """Once forwards and once backwards; log p, which Metropolis steps need, comes along with the last."""
    target, generator = Target(Energy(dim=3)), torch.Generator().manual_seed(0)
    step = steps_of(target, torch.zeros(4, 3, dtype=torch.float64), generator)[sampler]
    with counting() as counts:
        found = calls(step)
    assert (found["tanh"], found["tanh_backward"]) == (passes, passes)
    assert counts["score_evaluation"] == passes
    assert counts["log_prob_evaluation"] == (sampler in ("mala", "hmc"))


@pytest.mark.parametrize("density", ["gaussian", "gaussian_mixture"])
def test_a_step_adds_only_its_formula(build, calls, density):
    """To the score, or to log p and the score in one pass: the noise, a sum a term, and of a decision its ratio."""
    target, generator = Target(build("density", density, dim=3).at("cpu", "float64")), torch.Generator().manual_seed(0)
    x = torch.zeros(4, 3, dtype=torch.float64)
    score, both = (sum(calls(lambda f=f: f(x)).values()) for f in (target.score, target.log_prob_and_score))
    steps = steps_of(target, x, generator)
    for sampler, beside in BESIDE.items():
        assert sum(calls(steps[sampler]).values()) <= (both if sampler == "mala" else score) + beside
    # A leapfrog moves v and x; a trajectory also draws v, takes its energy twice and decides.
    assert sum(calls(steps["hmc"]).values()) <= both + (LEAPFROGS - 1) * (score + 2) + 19
