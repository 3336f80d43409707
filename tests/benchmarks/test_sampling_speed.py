"""Speed of samplers: a step against what it cannot do without, its score evaluation and its noise."""

import pytest
import torch

from estibench_sampling import hmc, leimkuhler_matthews, mala, ula, underdamped
from estibench_sampling.normal import normal_like
from estibench_sampling.target import Target

DENSITIES = {
    "gaussian": {"covariance": "full"},
    "gaussian_mixture": {"layout": "random", "spread": 2.0, "scale": 1.0},
}
CHAINS, LEAPFROGS = 1000, 8


@pytest.mark.parametrize("dim", [100, 400])
@pytest.mark.parametrize("density", list(DENSITIES))
@pytest.mark.parametrize("sampler", ["ula", "leimkuhler_matthews", "underdamped", "mala", "hmc"])
def test_a_step_against_its_score_and_its_noise(build, compare, sampler, density, dim):
    """1 000 chains in float32. Metropolis samplers also need log p, which comes along with a score: one of both."""
    law = build("density", density, dim=dim, **DENSITIES[density]).at("cpu", "float32")
    target, generator = Target(law), torch.Generator().manual_seed(0)
    x = law.place(law.sample(CHAINS, generator))
    law.score(x), law.log_prob(x)
    noisy, kinetic, metropolis = (
        leimkuhler_matthews.init(x, generator),
        underdamped.init(x, target.score, generator),
        mala.init(x, target),
    )
    steps = {
        "ula": lambda: ula.step(ula.init(x), target.score, 0.1, generator),
        "leimkuhler_matthews": lambda: leimkuhler_matthews.step(noisy, target.score, 0.1, generator),
        "underdamped": lambda: underdamped.step(kinetic, target.score, 0.3, 1.0, generator),
        "mala": lambda: mala.step(metropolis, target, 0.1, generator),
        "hmc": lambda: hmc.step(metropolis, target, 0.3, LEAPFROGS, generator),
    }
    calls = {"step": steps[sampler], "score": lambda: target.score(x), "noise": lambda: normal_like(x, generator)}
    scores = {"hmc": LEAPFROGS - 1, "mala": 0}.get(sampler, 1)
    if sampler in ("mala", "hmc"):
        calls["both"] = lambda: target.log_prob_and_score(x)

    def ratio(seconds):
        needed = scores * seconds["score"] + seconds["noise"] + seconds.get("both", 0.0)
        return seconds["step"] / needed

    compare(calls, ratio, goal=1.1)
