"""Training runs: they reach the optimum that theory names, in one call or in many."""

from __future__ import annotations

import math

import pytest
import torch

from estibench import Fit

GAUSSIAN = {"name": "gaussian", "covariance": "full"}


def _fit(build, **parameters):
    return build("problem", "score_fit", **{"dim": 2, "batch": 64, "steps": 100, "test": 256, **parameters})


def test_checkpoints_are_geometric_and_end_with_the_last_step(build):
    problem = _fit(build, density=GAUSSIAN, steps=300)
    assert problem.checkpoints == (0, 1, 2, 3, 6, 10, 18, 32, 56, 100, 178, 300)
    assert problem.axis == ("step", tuple(map(float, problem.checkpoints)))
    assert problem.truth.shape == (12,)


@pytest.mark.parametrize("name", ["explicit", "implicit", "sliced", "denoising", "finite_difference"])
def test_a_network_gets_closer_to_the_score(build, draw, name):
    curves = draw(build("estimator", name), _fit(build, model="mlp", density={"name": "gaussian_mixture"}), 2)
    assert (curves[:, -1] < 0.5 * curves[:, 0]).all()


@pytest.mark.parametrize("model", ["gaussian", "exponential_family"])
def test_parameters_converge_to_the_closed_form(build, draw, model):
    problem = _fit(
        build, model=model, density={"name": "gaussian"}, measure="parameters", steps=300, batch=128, rate=0.05
    )
    curves = draw(build("estimator", "implicit"), problem, 2)
    assert (curves[:, -1] < 0.1 * curves[:, 0]).all()


def test_denoising_converges_to_the_noised_law(build, draw):
    """With σ = 1 on N(0, I) the fit goes to P = I/2: ‖I/2‖ = √½ from the clean optimum, 0 from the noised one."""
    clean, noised = (
        _fit(
            build,
            model="gaussian",
            density={"name": "gaussian"},
            measure="parameters",
            steps=300,
            batch=128,
            rate=0.05,
            smoothing=smoothing,
        )
        for smoothing in ((), (1.0,))
    )
    denoising = build("estimator", "denoising", sigma=1.0)
    assert draw(denoising, clean, 2)[:, -1] == pytest.approx(0.5**0.5, abs=0.1)
    assert draw(denoising, noised, 2)[:, -1] == pytest.approx(0, abs=0.1)


def test_a_ladder_is_measured_at_its_smallest_level(build, draw):
    problem = _fit(build, model="mlp", density={"name": "gaussian_mixture"})
    ladder = build("estimator", "denoising_ladder", sigmas=[0.2, 0.7, 2.0])
    assert ladder.level_of_data == pytest.approx(-1.609, abs=1e-3)
    curves = draw(ladder, problem, 2)
    assert (curves[:, -1] < 0.5 * curves[:, 0]).all()


def test_one_run_and_many_agree(build, draw):
    """The start is the same, and means of 24 runs each agree within 5 standard errors at the end: 1e-6."""
    problem = _fit(build, model="mlp", density={"name": "gaussian_mixture"}, steps=40)
    estimator = build("estimator", "denoising", sigma=0.3)
    many = draw(estimator, problem, 24)
    generator = torch.Generator().manual_seed(1)
    single = torch.stack([problem.curve(estimator.estimate(problem, generator), estimator) for _ in range(24)])
    torch.testing.assert_close(single[:, 0], many[:, 0])
    error = (many[:, -1].var() / 24 + single[:, -1].var() / 24).sqrt()
    assert abs(many[:, -1].mean() - single[:, -1].mean()) < 6 * error
    assert torch.equal(draw(estimator, problem, 3, seed=5), draw(estimator, problem, 3, seed=5))


def test_bad_parameters_say_what_is_wrong(build):
    with pytest.raises(Exception, match="no closed form"):
        _fit(build, density={"name": "gaussian"}, model="mlp", measure="parameters")
    with pytest.raises(Exception, match="one noise level"):
        _fit(build, density={"name": "gaussian"}, smoothing=(0.1, 0.2))
    with pytest.raises(ValueError, match="lacks the moments"):
        _ = _fit(build, density={"name": "rings"}, model="exponential_family", measure="parameters")._best


def test_claims_about_gradients_are_silent_about_fits(build):
    problem = _fit(build, density=GAUSSIAN, model="gaussian")
    for name in ("explicit", "implicit", "sliced", "denoising", "denoising_ladder", "finite_difference"):
        estimator = build("estimator", name)
        assert not any(claim.applies(problem, estimator) for claim in estimator.claims)


Q = 0.8


def _known(build, **parameters):
    """The model s = −Q(x − μ) with its one checkpoint, μ, and its problem on N(0, I) in 16 dimensions."""
    problem = _fit(build, model="gaussian", density={"name": "gaussian"}, dim=16, **parameters).at("cpu", "float64")
    mean = torch.linspace(-1, 1, 16, dtype=torch.float64)
    theta = torch.cat([(Q * torch.eye(16, dtype=torch.float64)).flatten(), mean])
    return problem, Fit((theta.expand(len(problem.checkpoints), -1),)), mean


def test_samples_start_at_the_law_of_the_data_and_go_through_the_levels(build):
    """Down the probability flow d(x − μ)/dσ = σQ(x − μ): a factor of exp(−Q(1 − 0.04)/2) from σ = 1 to 0.2. At the one
    level of an objective without noise, Langevin steps."""
    ladder = build("estimator", "denoising_ladder", sigmas=[0.2, 1.0])
    problem, fit, mean = _known(build, sampler="probability_flow", sampler_steps=24)
    x = problem._test_points[0]
    noise = torch.randn(7, 16, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    start = x.mean(0) + (x.var(0).mean() + 1).sqrt() * noise
    found = problem.samples(fit, ladder, 7, torch.Generator().manual_seed(4))
    torch.testing.assert_close(found, mean + math.exp(-0.48 * Q) * (start - mean), rtol=1e-5, atol=1e-6)

    problem, fit, mean = _known(build, sampler="annealed_langevin", sampler_steps=1, langevin_step=0.1)
    stream = torch.Generator().manual_seed(4)
    start = x.mean(0) + x.var(0).mean().sqrt() * torch.randn(7, 16, generator=stream, dtype=torch.float64)
    moved = start - 0.1 * Q * (start - mean) + 0.2**0.5 * torch.randn(7, 16, generator=stream, dtype=torch.float64)
    found = problem.samples(fit, build("estimator", "implicit"), 7, torch.Generator().manual_seed(4))
    torch.testing.assert_close(found, moved)


def test_the_likelihood_along_the_probability_flow_is_the_closed_form(build):
    """log q(x) = log N(μ + e^0.48Q (x − μ); mean and variance at the start) + 16 · 0.48 Q."""
    ladder = build("estimator", "denoising_ladder", sigmas=[0.2, 1.0])
    problem, fit, mean = _known(build, sampler="probability_flow")
    x = problem._test_points[0]
    start = torch.distributions.Normal(x.mean(0), (x.var(0).mean() + 1).sqrt())
    log_q = start.log_prob(mean + math.exp(0.48 * Q) * (x - mean)).sum(-1) + 16 * 0.48 * Q
    log_p = torch.distributions.Normal(0.0, 1.0).log_prob(x).sum(-1)
    found = problem.readings(fit, ladder)
    assert float(found["excess_nll"]) == pytest.approx(float((log_p - log_q).mean()), rel=1e-5)
    assert 0 < float(found["solver_error"]) < 1e-3


def test_a_network_gets_closer_to_the_score_in_16_dimensions(build, draw):
    mixture = {"name": "gaussian_mixture", "layout": "random", "spread": 1.5, "scale": 1.0}
    problem = _fit(build, model="mlp", density=mixture, dim=16, sampler="annealed_langevin", rate=0.03, steps=80)
    curves = draw(build("estimator", "implicit"), problem, 2)
    assert (curves[:, -1] < 0.6 * curves[:, 0]).all()
