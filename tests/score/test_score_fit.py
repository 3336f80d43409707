"""Training runs: they reach the optimum that theory names, in one call or in many."""

from __future__ import annotations

import pytest
import torch

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
