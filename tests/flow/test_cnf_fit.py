"""Training runs: gradients through the solver, independent runs side by side, and an exact held-out likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from estibench import Deterministic, Fit
from estibench.host.components import ParameterError, make
from estibench.measure.statistics import Moments, unbiasedness_p_value
from estibench_flow.density_fit import DensityFit
from estibench_flow.flow import Flow, standard_normal
from estibench_flow.mlp import Network

GAUSSIAN = {"name": "gaussian", "covariance": "full"}
TRAINED = [
    ("cnf", {"solver": "midpoint", "steps": 2}),
    ("cnf", {"solver": "midpoint", "steps": 2, "trace": "rademacher", "probes": 2}),
    ("discrete_flow", {"steps": 2}),
]


def fit(build, **parameters):
    small = {"density": {"name": "gaussian_mixture"}, "hidden": 8, "batch": 16, "steps": 10, "held_out": 64}
    return build("problem", "density_fit", **{**small, **parameters})


def loss_of(estimator, theta, network, x, seed=0):
    """−mean log p(x), with the same probes for every θ."""
    flow = Flow(network.dynamics(theta), 1.0, standard_normal, differentiable=True)
    return -estimator.values(flow, x, 1, torch.Generator().manual_seed(seed)).mean()


@pytest.mark.parametrize(("name", "parameters"), TRAINED)
def test_gradients_in_the_weights_by_central_differences(build, name, parameters):
    """Through z, through the trace and through every step."""
    network, estimator = Network(2, 5), build("estimator", name, **parameters)
    generator = torch.Generator().manual_seed(0)
    theta = network.initial(generator)
    x = torch.randn(6, 2, generator=generator, dtype=torch.float64)
    leaf = theta.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss_of(estimator, leaf, network, x), leaf)
    for _ in range(4):
        u = torch.randn(theta.shape, generator=generator, dtype=torch.float64)
        h = 1e-5
        ahead, behind = (loss_of(estimator, theta + sign * h * u, network, x) for sign in (1, -1))
        slope = float((ahead - behind).detach() / (2 * h))
        assert float(gradient @ u) == pytest.approx(slope, rel=1e-6, abs=1e-9)


def test_the_gradient_with_a_hutchinson_trace_is_unbiased(build):
    """Chen–Qin test of 60 gradients in 77 weights at level 1e-6; the exact gradient of other points is told apart."""
    network = Network(2, 5)
    exact = build("estimator", "cnf", solver="midpoint", steps=2)
    noisy = build("estimator", "cnf", solver="midpoint", steps=2, trace="gaussian", probes=8)
    generator = torch.Generator().manual_seed(0)
    theta = network.initial(generator).requires_grad_()
    x = torch.randn(6, 2, generator=generator, dtype=torch.float64)

    def gradient(estimator, x, seed=0):
        return torch.autograd.grad(loss_of(estimator, theta, network, x, seed), theta)[0]

    draws = torch.stack([gradient(noisy, x, seed) for seed in range(60)])
    assert unbiasedness_p_value(Moments(draws, gradient(exact, x)), 1e-12) > 1e-6
    assert unbiasedness_p_value(Moments(draws, gradient(exact, 1.5 * x)), 1e-12) < 1e-6


@dataclass(frozen=True, kw_only=True)
class OneMinibatch(DensityFit):
    """The same minibatch in every step of every run."""

    def minibatches(self, n, generator):
        x = self.place(self.density.sample(self.batch, torch.Generator().manual_seed(7)))
        return x.expand(n, -1, -1)


def test_runs_side_by_side_do_not_touch_each_other(build):
    """With the same minibatches, three runs are equal, and equal to a single one."""
    density = fit(build).density
    problem = OneMinibatch(density=density, hidden=8, batch=16, steps=10, held_out=64)
    for name, parameters in (TRAINED[0], TRAINED[2]):
        estimator = build("estimator", name, **parameters)
        three, one = (problem.curve(estimator.draws(problem, runs, torch.Generator()), estimator) for runs in (3, 1))
        torch.testing.assert_close(three, one.expand(3, -1), rtol=1e-6, atol=1e-6)


def test_runs_have_minibatches_of_their_own_and_one_start(build, draw):
    problem = fit(build)
    curves, _ = draw(build("estimator", *TRAINED[0][:1], **TRAINED[0][1]), problem, 3)
    assert curves.shape == (3, len(problem.checkpoints))
    assert len(set(curves[:, 0].tolist())) == 1
    assert len(set(curves[:, -1].tolist())) == 3
    assert problem.checkpoints == (0, 1, 3, 10)
    assert problem.axis == ("step", (0.0, 1.0, 3.0, 10.0))


def test_held_out_likelihood_of_a_field_that_is_zero_is_the_priors(build):
    problem = fit(build)
    nothing = torch.zeros(1, problem._network.parameters, dtype=torch.float64)
    expected = -standard_normal(problem.exact_held_out).mean()
    torch.testing.assert_close(problem.curve(Fit((nothing,)), None)[0], expected)


def test_held_out_likelihood_is_exact(build):
    """Against dopri8 at 1e-10, to the 1e-4 nats that are promised, on a wilder field than training gives."""
    problem = fit(build)
    theta = problem._network.initial(torch.Generator().manual_seed(1))
    flow = Flow(problem._network.dynamics(theta), 1.0, standard_normal)
    tight = build("estimator", "cnf", solver="dopri8", tolerance=1e-10)
    values = tight.values(flow, problem.exact_held_out, 1, torch.Generator())
    assert float(problem.curve(Fit((theta[None],)), None)[0]) == pytest.approx(-float(values.mean()), abs=1e-4)


def test_truth_is_what_the_density_scores_itself(build):
    problem = fit(build, density=GAUSSIAN)
    law = torch.distributions.MultivariateNormal(problem.density.mean, problem.density.covariance_matrix)
    expected = -law.log_prob(problem.exact_held_out).mean()
    torch.testing.assert_close(problem.truth, expected.expand(len(problem.checkpoints)))


@pytest.mark.parametrize(("name", "parameters"), [*TRAINED, ("cnf", {"solver": "dopri5", "tolerance": 1e-2})])
def test_training_closes_most_of_the_gap_and_never_beats_the_truth(build, draw, name, parameters):
    problem = fit(build, density=GAUSSIAN, steps=60, rate=0.05, batch=64)
    curves, _ = draw(build("estimator", name, **parameters), problem, 1)
    excess = curves[0] - problem.truth
    assert excess[-1] < 0.5 * excess[0]
    assert excess[-1] > -0.02


def test_real_data_are_split_and_whitened_by_their_training_part(build):
    problem = build("problem", "data_fit", dim=5)
    train, held_out = problem._parts
    assert (len(train), len(held_out)) == (398, 171)
    torch.testing.assert_close(train.mean(0), torch.zeros(5, dtype=torch.float64), rtol=0, atol=1e-10)
    torch.testing.assert_close(train.T.cov(), torch.eye(5, dtype=torch.float64))
    assert not (held_out[:, None] == train).all(-1).any()
    assert held_out.mean(0).abs().max() > 1e-3
    assert (problem.truth == 0).all()
    x = problem.minibatches(2, torch.Generator().manual_seed(0))
    assert x.shape == (2, 128, 5)
    assert (x.reshape(-1, 1, 5) == train).all(-1).any(1).all()


def test_parameters_that_do_not_go_together(host):
    with pytest.raises(ParameterError, match="wine has 13 features, fewer than 14"):
        make(host, "problem", "data_fit", {"data": "wine", "dim": 14})
    with pytest.raises(ParameterError, match="not normalised"):
        make(host, "problem", "density_fit", {"density": {"name": "phi4"}})


@pytest.mark.parametrize(("name", "parameters"), TRAINED)
def test_nobody_claims_that_training_is_deterministic(build, name, parameters):
    """Minibatches are random, whatever the trace."""
    problem, estimator = fit(build), build("estimator", name, **parameters)
    assert not any(isinstance(claim, Deterministic) and claim.applies(problem, estimator) for claim in estimator.claims)


def test_the_adjoint_trains_as_backpropagation_where_steps_are_small_and_not_where_they_are_large(build):
    """Its error falls with the solver's: 16 steps of rk4 leave next to nothing of it, two of Euler a part of each."""
    problem = fit(build, steps=3).at("cpu", "float64")

    def distance(**solver):
        runs = [
            build("estimator", "cnf", gradient=gradient, **solver).estimate(problem, torch.Generator().manual_seed(0))
            for gradient in ("backprop", "adjoint")
        ]
        assert not torch.equal(runs[0].snapshots[0][-1], runs[0].snapshots[0][0])
        return float((runs[0].final[0] - runs[1].final[0]).norm())

    assert distance(solver="rk4", steps=16) < 1e-4
    assert distance(solver="euler", steps=2) > 1e-3
