"""Training: exact gradients reach the known optimum, straight-through its wrong fixed point; losses are exact."""

import itertools

import pytest
import torch

from estibench import Adam, Cost, counting
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
    objective, logits = problem.at_parameters(parameters)
    exact, _ = build("estimator", "enumeration").step(objective, logits, (), torch.Generator())
    pulled = problem.pull(parameters, exact, torch.Generator().manual_seed(0))
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
