"""Training: exact gradients reach the known optimum, straight-through its wrong fixed point; losses are exact."""

import itertools
import math

import pytest
import torch

from estibench import Adam, Cost, Fit, counting
from estibench_discrete.vae import Shape, digits, divergence_gradient


def final(draw, build, problem, name, runs=16, **parameters):
    return float(draw(build("estimator", name, **parameters), problem, runs)[:, -1].mean())


def test_exact_gradients_reach_the_optimum_and_straight_through_stops_short(build, draw):
    """t = 0.3: the optimum is t² = 0.09 and straight-through stays around p = t, at t(1 − t) = 0.21."""
    problem = build("problem", "bernoulli_fit", target=0.3, steps=300, rate=0.1)
    assert problem.truth.tolist() == pytest.approx([0.09] * len(problem.checkpoints))
    assert final(draw, build, problem, "enumeration", 2) < 0.0905
    assert final(draw, build, problem, "reinforce", samples=4, baseline="leave_one_out") < 0.092
    assert 0.19 < final(draw, build, problem, "straight_through") < 0.23


def test_reinmax_is_exact_for_squares_only(build, draw):
    """With c = 2 it follows the exact gradient in the mean, with c = 1.5 a wrong one."""
    square = build("problem", "bernoulli_fit", target=0.3, variables=4, steps=300, rate=0.1)
    root = build("problem", "bernoulli_fit", target=0.3, power=1.5, variables=4, steps=300, rate=0.1)
    right, wrong = (final(draw, build, problem, "reinmax") - float(problem.truth[0]) for problem in (square, root))
    assert right < 0.01
    assert wrong > right


def test_a_run_starts_at_the_same_loss_and_is_measured_along_its_axis(build, draw):
    problem = build("problem", "bernoulli_fit", target=0.3, p=0.4, steps=100)
    name, places = problem.axis
    assert (name, places[0], places[-1]) == ("step", 0.0, 100.0)
    assert list(places) == sorted(set(places))
    values = draw(build("estimator", "reinforce"), problem, 4)
    assert values.shape == (4, len(places))
    torch.testing.assert_close(values[:, 0], torch.full((4,), 0.4 * 0.49 + 0.6 * 0.09, dtype=torch.float64))
    assert len(set(values[:, -1].tolist())) == 4  # each run has noise of its own


@pytest.mark.parametrize(("name", "spent"), [("reinforce", 20), ("straight_through", 20), ("rebar", 60), ("arm", 40)])
def test_costs_count_every_step(build, name, spent):
    problem = build("problem", "bernoulli_fit", steps=20)
    estimator = build("estimator", name)
    with counting() as counts:
        estimator.estimate(problem, torch.Generator().manual_seed(0))
    (cost,) = (claim for claim in estimator.claims if isinstance(claim, Cost))
    assert counts["evaluation"] == cost.formula(problem, estimator) == spent


def test_negative_elbo_by_its_definition(build):
    """−E log p(x|z) + KL, image by image and state by state."""
    shape = Shape(2, 3, 5)
    parameters, x = shape.start(torch.Generator().manual_seed(0)), digits(4)
    q = torch.softmax(shape.encode(parameters[:4], x), -1)
    total = 0.0
    for image in range(4):
        for i, j in itertools.product(range(3), repeat=2):
            z = torch.zeros(1, 2, 3, dtype=torch.float64)
            z[0, 0, i] = z[0, 1, j] = 1
            W, b, V, c = parameters[4:]
            pixels = torch.sigmoid(torch.tanh(z.flatten() @ W.T + b) @ V.T + c)
            likelihood = torch.distributions.Bernoulli(pixels).log_prob(x[image]).sum()
            weight = q[image, 0, i] * q[image, 1, j]
            total += float(weight * (-likelihood + weight.log() - torch.tensor(1 / 9).double().log()))
            torch.testing.assert_close(shape.losses(parameters[4:], z, x)[image], -likelihood)
    assert float(shape.negative_elbo(parameters, x)) == pytest.approx(total / 4)


def test_divergence_gradient_is_its_derivative():
    logits = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    log_q = torch.log_softmax(logits, -1)
    (expected,) = torch.autograd.grad((log_q.exp() * log_q).sum(), logits)
    torch.testing.assert_close(divergence_gradient(logits.detach()), expected)


def test_digits_are_binary_and_not_more_than_there_are():
    x = digits(50)
    assert x.shape == (50, 64)
    assert set(x.unique().tolist()) == {0.0, 1.0}
    assert 0.2 < float(x.mean()) < 0.5
    with pytest.raises(ValueError, match="1797 digits, not 2000"):
        digits(2000)


def test_with_the_exact_gradient_a_step_is_that_of_the_whole_elbo_in_the_encoder(build):
    problem = build("problem", "digits_fit", variables=2, values=3, images=5, hidden=4)
    parameters = problem.start()
    step = problem.at_parameters(parameters, torch.Generator().manual_seed(0))
    exact, _ = build("estimator", "enumeration").step(step.objective, step.logits, (), torch.Generator())
    pulled = step.pull(exact)
    expected = torch.func.grad(problem.loss)(parameters)
    for found, slope in zip(pulled[:4], expected[:4], strict=True):
        torch.testing.assert_close(found, slope, rtol=1e-8, atol=1e-10)


def test_training_the_autoencoder_lowers_its_loss(build, draw):
    problem = build("problem", "digits_fit", variables=2, values=4, images=20, hidden=8, steps=60, rate=0.02)
    values = draw(build("estimator", "reinforce", samples=4, baseline="leave_one_out"), problem, 3)
    assert (values[:, -1] < 0.7 * values[:, 0]).all()
    assert float(problem.truth[0]) < float(values[:, -1].min())


def test_adam_is_torchs(build):
    start = torch.randn(5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ours, state = (start,), Adam.start((start,), 0.1)
    theirs = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([theirs], lr=0.1)
    for _ in range(5):
        ours, state = state.step(ours, (ours[0] ** 3,))
        optimiser.zero_grad()
        (theirs**4 / 4).sum().backward()
        optimiser.step()
    torch.testing.assert_close(ours[0], theirs.detach())


def test_the_held_out_likelihood_is_the_sum_over_all_states_of_images_that_are_not_trained_on(build):
    problem = build("problem", "digits_fit", variables=2, values=3, images=5, hidden=4, test=6)
    held_out, trained = problem._held_out, problem._images
    assert held_out.shape == (6, 64)
    assert not torch.equal(held_out, build("problem", "digits_fit", images=5, test=6, seed=1)._held_out)
    assert len(problem._others) + len(trained) == 1797
    W, b, V, c = problem.start()[4:]
    total = torch.zeros(6, dtype=torch.float64)
    for i, j in itertools.product(range(3), repeat=2):
        z = torch.zeros(6, dtype=torch.float64)
        z[i] = z[3 + j] = 1
        pixels = torch.sigmoid(torch.tanh(z @ W.T + b) @ V.T + c)
        total += torch.distributions.Bernoulli(pixels).log_prob(held_out).sum(-1).exp() / 9
    fit = Fit(tuple(one[None] for one in problem.start()))
    problem.__dict__["_reference"] = None  # distances of samples are the host's
    errors, readings = problem.errors(fit, None), problem.readings(fit, None)
    assert float(errors["held_out"]) == pytest.approx(-float(total.log().mean()))
    assert float(readings["data_error"]) == pytest.approx(float(total.log().std()) / 6**0.5)
    elbo = -float(problem.shape.negative_elbo(problem.start(), held_out))
    assert float(readings["gap"]) == pytest.approx(float(total.log().mean()) - elbo)
    assert float(readings["gap"]) > 0


def test_samples_of_the_model_are_binary_images_with_the_decoders_mean(build):
    """The mean of 9 000 samples over all nine states: within 6 standard errors in each of 64 pixels."""
    problem = build("problem", "digits_fit", variables=2, values=3, images=5, hidden=4)
    fit = Fit(tuple(one[None] for one in problem.start()))
    x = problem.samples(fit, None, 9_000, torch.Generator().manual_seed(0))
    assert set(x.unique().tolist()) == {0.0, 1.0}
    W, b, V, c = problem.start()[4:]
    states = [torch.eye(3).double()[[i, j]].flatten() for i, j in itertools.product(range(3), repeat=2)]
    mean = torch.stack([torch.sigmoid(torch.tanh(z @ W.T + b) @ V.T + c) for z in states]).mean(0)
    assert float((x.mean(0) - mean).abs().max()) < 6 * 0.5 / 9_000**0.5


def test_a_temperature_falls_from_step_to_step_and_not_below_its_least(build):
    estimator = build("estimator", "gumbel_softmax", tau=0.8, anneal=0.5, least=0.3)
    problem = build("problem", "bernoulli_quadratic")
    state = estimator.begin(problem.logits, torch.Generator())
    for k, tau in enumerate((0.8, 0.8 * math.exp(-0.5), 0.3, 0.3)):
        found, state = estimator.step(problem.objective, problem.logits, state, torch.Generator().manual_seed(k))
        expected = build("estimator", "gumbel_softmax", tau=tau)
        same, none = expected.step(problem.objective, problem.logits, (), torch.Generator().manual_seed(k))
        torch.testing.assert_close(found, same)
        assert none == ()
    with pytest.raises(ValueError, match=r"falls from 0\.05 must not end above"):
        type(estimator)(tau=0.05, anneal=1.0)
