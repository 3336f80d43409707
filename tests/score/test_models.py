"""Models: scores are gradients of log q where there is one, closed forms agree with large samples, optima are so."""

from __future__ import annotations

import pytest
import torch
from torch.func import grad, jacrev, vmap

from estibench_score.models import make_model

MODELS = ("gaussian", "exponential_family", "mixture", "mlp", "energy")
DIM, HIDDEN = 3, 7


def _start(name, dim=DIM):
    model = make_model(name, dim, HIDDEN)
    theta = model.initial(torch.Generator().manual_seed(1))
    x = torch.randn(5, dim, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return model, theta, x


@pytest.mark.parametrize("name", MODELS)
def test_shapes_and_batches(name):
    model, theta, x = _start(name)
    assert theta.shape == (model.size,)
    assert theta.dtype == torch.float64
    s = model.score(theta, x)
    assert s.shape == x.shape
    torch.testing.assert_close(model.score(theta, x[None, :, None]), s[None, :, None])
    torch.testing.assert_close(vmap(lambda point: model.score(theta, point))(x), s)
    assert model.score(theta.float(), x.float()).dtype == torch.float32


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_matters(name):
    model, theta, x = _start(name)
    assert (jacrev(lambda theta: model.score(theta, x))(theta).abs().sum((0, 1)) > 0).sum() >= model.size - HIDDEN


def _log_q(name, theta, x):
    """The unnormalised log-density whose score a model is, written out once more."""
    m = DIM
    if name == "gaussian":
        W, mean = theta[: m * m].reshape(m, m), theta[m * m :]
        return -0.5 * (x - mean) @ ((W + W.T) / 2) @ (x - mean)
    if name == "exponential_family":
        first, second, fourth = theta.reshape(3, m)
        return (first * x - second * x**2 / 2 - fourth * x**4 / 4).sum()
    if name == "mixture":
        K = 5
        logits, means, log_tau = theta[:K], theta[K : K + K * m].reshape(K, m), theta[-K:]
        tau = log_tau.exp()
        return torch.logsumexp(logits + m / 2 * log_tau - tau * (x - means).square().sum(-1) / 2, 0)
    h = HIDDEN
    W1, b1, W2, b2, c, a = theta.split([h * m, h, h * h, h, h, 1])
    softplus = torch.nn.functional.softplus
    hidden = softplus(W2.reshape(h, h) @ softplus(W1.reshape(h, m) @ x + b1) + b2)
    return c @ hidden - 0.5 * a[0] * x.square().sum()


@pytest.mark.parametrize("name", ["gaussian", "exponential_family", "mixture", "energy"])
def test_the_score_is_the_gradient_of_log_q(name):
    model, theta, x = _start(name)
    expected = vmap(grad(lambda point: _log_q(name, theta, point)))(x)
    torch.testing.assert_close(model.score(theta, x), expected)


def test_the_network_is_conditioned_on_noise():
    model, theta, x = _start("mlp")
    levels = torch.linspace(-2, 0, 5, dtype=torch.float64)[:, None]
    s = model.score(theta, x, levels)
    torch.testing.assert_close(s[-1], model.score(theta, x[-1]))
    assert not torch.allclose(s[0], model.score(theta, x[0]))
    torch.testing.assert_close(s[1], model.score(theta, x[1], float(levels[1])))


DENSITIES = [
    {"name": "gaussian", "covariance": "full"},
    {"name": "gaussian_mixture", "layout": "random", "spread": 1.5},
    {"name": "quartic", "basis": "axes", "a": -1.0},
]


@pytest.mark.parametrize("smoothing", [(), (0.6,)])
@pytest.mark.parametrize("density", DENSITIES, ids=lambda density: density["name"])
@pytest.mark.parametrize("model", ["gaussian", "exponential_family"])
def test_closed_form_gradients_agree_with_the_explicit_objective(build, model, density, smoothing):
    """Per component within 6 standard errors of a mean over 2¹⁷ samples: false failures below 1e-6 over all."""
    if density["name"] == "quartic" and smoothing:
        pytest.skip("quartic has no exact convolution")
    problem = build("problem", "score_gradient", model=model, density=density, dim=DIM, smoothing=smoothing)
    assert problem.truth_source == "closed form"
    law = problem.target(problem.level)
    theta = problem.initial
    x = law.sample(2**17, torch.Generator().manual_seed(5))
    J = vmap(jacrev(problem.score_model.score), (None, 0))(theta, x)
    gradients = torch.einsum("nip,ni->np", J, problem.score_model.score(theta, x) - law.score(x))
    error = gradients.std(0) / len(x) ** 0.5
    assert ((gradients.mean(0) - problem.truth).abs() <= 6 * error + 1e-12).all()


@pytest.mark.parametrize("density", DENSITIES, ids=lambda density: density["name"])
@pytest.mark.parametrize("model", ["gaussian", "exponential_family"])
def test_the_gradient_vanishes_at_the_optimum(build, model, density):
    problem = build("problem", "score_gradient", model=model, density=density, dim=DIM)
    best = problem.score_model.optimum(problem.density)
    gradient = problem.score_model.exact_gradient(best, problem.density, 0.0)
    assert gradient.abs().max() < 1e-10


def test_the_exponential_family_finds_the_parameters_of_its_members(build):
    """θ̂ = −A⁻¹b of a quartic density is the density's own (0, a, b)."""
    density = build("density", "quartic", dim=2, basis="axes", a=-1.5, b=0.7)
    best = make_model("exponential_family", 2, 1).optimum(density).reshape(3, 2)
    expected = torch.tensor([[0.0, 0.0], [-1.5, -1.5], [0.7, 0.7]], dtype=torch.float64)
    torch.testing.assert_close(best, expected, rtol=1e-8, atol=1e-8)


def test_curvature_propagation_is_unbiased_for_the_trace():
    """z-test with threshold 5.5 at 5 points, n = 200 000: false failures 2e-7. Leaving out φ″g fails by 100 errors."""
    model, theta, x = _start("energy")
    generator = torch.Generator().manual_seed(3)
    v = [2 * torch.randint(0, 2, (200_000, 1, HIDDEN), generator=generator, dtype=torch.float64) - 1 for _ in range(2)]
    expected = vmap(jacrev(lambda point: model.score(theta, point)))(x).diagonal(dim1=1, dim2=2).sum(-1)
    for point, trace in zip(x, expected, strict=True):
        s, samples = model.propagate_curvature(theta, point[None], (v[0], v[1]))
        torch.testing.assert_close(s, model.score(theta, point[None]))
        assert (samples.mean() - trace).abs() < 5.5 * samples.std() / len(samples) ** 0.5
