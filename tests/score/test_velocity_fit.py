"""Velocities trained: they are judged by closed forms where the flow is linear, and training approaches the truth."""

from __future__ import annotations

import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from estibench import Fit
from estibench_densities.gaussian import Gaussian
from estibench_score.ot_flow import paired
from estibench_score.velocity_fit import VelocityFit

RING = {"name": "gaussian_mixture", "layout": "ring", "spread": 2.0}
ESTIMATORS = ("explicit_flow", "conditional_flow", "importance_flow", "ot_flow")


def _fit(build, **parameters):
    small = {"dim": 2, "batch": 64, "times": 8, "steps": 60, "hidden": 16, "density": RING}
    return build("problem", "velocity_fit", **{**small, **parameters})


def _linear(build, **parameters):
    """The model v = −0.6(x − μ) with its one checkpoint, μ, and its problem on normal data."""
    problem = _fit(build, model="gaussian", density={"name": "gaussian"}, **parameters)
    mean = torch.tensor([0.5, -1.0], dtype=torch.float64)
    theta = torch.cat([(0.6 * torch.eye(2, dtype=torch.float64)).flatten(), mean])
    return problem, Fit((theta.expand(len(problem.checkpoints), -1),)), mean


def test_the_likelihood_of_a_linear_flow_is_the_closed_form(build):
    """x_1 = μ + e^{−0.6}(x_0 − μ) is normal, with mean (1 − e^{−0.6})μ and standard deviation e^{−0.6}."""
    problem, fit, mean = _linear(build)
    law = torch.distributions.Normal((1 - math.exp(-0.6)) * mean, math.exp(-0.6))
    x = problem.exact_held_out
    exact = -law.log_prob(x).sum(-1).mean()
    torch.testing.assert_close(problem.curve(fit, None), exact.expand(len(problem.checkpoints)), rtol=1e-6, atol=0)
    own = 0.5 * x.square().sum(-1).mean() + math.log(2 * math.pi)  # the density's, N(0, I)
    assert float(problem.truth[0]) == pytest.approx(float(own))
    found = problem.readings(fit, None)
    assert float(found["excess_nll"]) == pytest.approx(float(exact - own), rel=1e-5)
    assert 0 < float(found["solver_error"]) < 1e-5


@pytest.mark.parametrize(("solver", "gain"), [("euler", 0.94**10), ("heun", (1 - 0.06 + 0.5 * 0.06**2) ** 10)])
def test_samples_are_those_of_the_solver(build, solver, gain):
    """Ten steps multiply x − μ by their own amplification each."""
    problem, fit, mean = _linear(build, solver=solver, solver_steps=10)
    noise = torch.randn(7, 2, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    found = problem.samples(fit, None, 7, torch.Generator().manual_seed(4))
    torch.testing.assert_close(found, mean + gain * (noise - mean))


def test_the_divergence_of_a_linear_velocity_is_the_closed_form(build):
    """On N(0, I) u_t = (2t − 1)x/S_t, S_t = t² + (1 − t)²: ½E‖v − u_t‖² = mean of (0.6 + (2t − 1)/S_t)²S_t + 0.18‖μ‖².

    2^14 points: within 6 of their standard errors, about 1 %; 2e-9.
    """
    problem, fit, mean = _linear(build, measure="divergence", held_out=2**14)
    t = torch.tensor([(k + 0.5) / 8 for k in range(8)], dtype=torch.float64)
    S = t**2 + (1 - t) ** 2
    exact = ((0.6 + (2 * t - 1) / S) ** 2 * S).mean() + 0.18 * mean.square().sum()
    x, _, u = problem._test_points
    each = 0.5 * (0.6 * (x - mean) + u).square().sum(-1)
    error = float(each.std()) / 2**7
    assert abs(float(problem.curve(fit, None)[0] - exact)) < 6 * error < 0.1 * float(exact)
    assert not problem.truth.any()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_training_approaches_the_density(build, name):
    problem, estimator = _fit(build, steps=150, rate=0.02), build("estimator", name)
    problem.prepare()
    fit = estimator.draws(problem, 4, torch.Generator().manual_seed(0))
    curve = problem.curve(fit, estimator)
    assert curve.shape == (4, len(problem.checkpoints))
    excess = curve - problem.truth
    assert (excess[:, -1] < 0.2 * excess[:, 0]).all()
    assert len({float(one) for one in curve[:, -1]}) == 4  # each has randomness of its own
    first = next(fit.runs())
    found, readings = problem.errors(first, estimator), problem.readings(first, estimator)
    assert set(found) == {"sliced_wasserstein", "energy_distance", "mmd", "mode_weights"}
    assert float(readings["excess_nll"]) == pytest.approx(float(excess[0, -1]))
    start = problem.errors(Fit((first.snapshots[0][:1],)), estimator)
    assert found["sliced_wasserstein"] < 0.5 * start["sliced_wasserstein"]
    assert not any(claim.applies(problem, estimator) for claim in estimator.claims)


def test_one_run_and_many_agree(build):
    """Pairs by transport, which `torch.func` does not look into: the means of 12 runs each, the same within 6 standard
    errors: 1e-7."""
    problem, estimator = _fit(build, steps=20, hidden=8, batch=16), build("estimator", "ot_flow")
    problem.prepare()
    many = problem.curve(estimator.draws(problem, 12, torch.Generator().manual_seed(1)), estimator)
    stream = torch.Generator().manual_seed(2)
    single = torch.stack([problem.curve(estimator.estimate(problem, stream), estimator) for _ in range(12)])
    torch.testing.assert_close(single[:, 0], many[:, 0])
    error = (many[:, -1].var() / 12 + single[:, -1].var() / 12).sqrt()
    assert abs(many[:, -1].mean() - single[:, -1].mean()) < 6 * error


def test_pairs_side_by_side_are_those_one_by_one():
    noise, x = torch.randn(2, 3, 6, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    together = torch.func.vmap(paired)(noise, x)
    for i in range(3):
        for found, one in zip(together, paired(noise[i], x[i]), strict=True):
            assert torch.equal(found[i], one)


class Unnormalised(Gaussian):
    log_normalizer = None


def test_a_likelihood_needs_a_normalised_density(build):
    with pytest.raises(Exception, match="not normalised"):
        VelocityFit(density=Unnormalised())


class _Operations(TorchDispatchMode):
    made = 0

    def __torch_dispatch__(self, operation, types, arguments=(), further=None):
        self.made += 1
        return operation(*arguments, **(further or {}))


def test_ten_runs_side_by_side_take_about_as_many_operations_as_one(build):
    """The arithmetic of ten is that of ten, but what each operation costs by itself is paid once: 1.3 times at most.
    With a gradient that could be differentiated again they were 1.6 times as many, and took half as long again."""
    problem, estimator = _fit(build, steps=5), build("estimator", "conditional_flow")
    problem.prepare()
    made = []
    for run in (lambda stream: problem.use(estimator, stream), lambda stream: problem.use_many(estimator, 10, stream)):
        run(torch.Generator().manual_seed(0))
        with _Operations() as counted:
            run(torch.Generator().manual_seed(0))
        made.append(counted.made)
    assert made[1] < 1.3 * made[0]
