"""Vector quantisation: the smoothed truth, what a deterministic posterior is worth, and gradients past the codebook."""

import itertools
import math

import pytest
import torch

from estibench import Bias, Cost, Unsupported, Variance, counting
from estibench.host.components import ParameterError
from estibench.measure.statistics import Moments, unbiasedness_p_value
from estibench_discrete.residual_vq import ResidualVQ

SMALL = {"codes": 5, "dim": 3, "batch": 2}


def smoothed(problem, outputs, codebook):
    """Σ_b E f_b(e_c), from its definition."""
    distances = (outputs[:, None] - codebook).square().sum(-1)
    q = torch.softmax(-distances / problem.temperature, -1)
    if problem.loss == "codebook":
        return (q * distances).sum()
    _, _, y, W, bias, V = problem._data
    decoded = torch.tanh(codebook @ W.T + bias) @ V.T
    return (q * 0.5 * (y[:, None] - decoded).square().sum(-1)).sum()


@pytest.mark.parametrize("loss", ["reconstruction", "codebook"])
@pytest.mark.parametrize("temperature", [0.2, 1.0, 5.0])
def test_truth_is_the_derivative_of_the_smoothed_loss(build, loss, temperature):
    problem = build("problem", "vq", loss=loss, temperature=temperature, **SMALL)
    x, E = problem.outputs.clone().requires_grad_(), problem.codebook.clone().requires_grad_()
    expected = torch.autograd.grad(smoothed(problem, x, E), x if loss == "reconstruction" else E)[0]
    torch.testing.assert_close(problem.truth, expected, rtol=1e-9, atol=1e-12)
    exact = build("estimator", "enumeration").estimate(problem, torch.Generator())
    torch.testing.assert_close(exact, problem.truth, rtol=1e-9, atol=1e-12)


def test_the_gradient_through_the_nearest_code_is_zero(build):
    """Almost everywhere: moving x a little changes neither the code nor the loss. As T → 0 the truth says so."""
    problem = build("problem", "vq", **SMALL)

    def nearest(x):
        return (x[:, None] - problem.codebook).square().sum(-1).argmin(-1)

    moved = problem.outputs + 1e-6
    assert torch.equal(nearest(problem.outputs), nearest(moved))
    assert build("problem", "vq", temperature=1e-3, **SMALL).truth.norm() < 1e-9
    assert build("problem", "vq", temperature=1.0, **SMALL).truth.norm() > 1e-2


def test_the_elbo_of_a_deterministic_posterior_carries_minus_log_k(build):
    problem = build("problem", "vq", temperature=1e-4, **SMALL)
    torch.testing.assert_close(problem.posterior_kl, torch.full((2,), math.log(5), dtype=torch.float64))
    torch.testing.assert_close(problem.elbo, problem.deterministic_elbo)
    best = (problem.outputs[:, None] - problem.codebook).square().sum(-1).argmin(-1)
    likelihood = -problem.loss_at(problem.codebook[best])
    torch.testing.assert_close(problem.deterministic_elbo, likelihood - math.log(5))
    warm = build("problem", "vq", temperature=100.0, **SMALL)
    assert (warm.posterior_kl < 0.05).all()
    assert (warm.posterior_kl > 0).all()


def test_the_codebook_loss_is_exact_without_smoothing(build):
    """As T → 0: the quantisation error is differentiable, and its gradient leaves the assignment alone."""
    problem = build("problem", "vq", loss="codebook", temperature=1e-3, **SMALL)
    estimate = build("estimator", "codebook_loss").estimate(problem, torch.Generator())
    torch.testing.assert_close(estimate, problem.truth, rtol=1e-8, atol=1e-8)
    warm = build("problem", "vq", loss="codebook", temperature=1.0, **SMALL)
    assert (build("estimator", "codebook_loss").estimate(warm, torch.Generator()) - warm.truth).norm() > 0.1


def test_straight_through_copies_and_the_rotation_keeps_the_angle(build):
    problem = build("problem", "vq", dim=4, batch=3)
    generator = torch.Generator()
    x = problem.outputs
    code = problem.codebook[(x[:, None] - problem.codebook).square().sum(-1).argmin(-1)]
    leaf = code.clone().requires_grad_()
    (slope,) = torch.autograd.grad(problem.loss_at(leaf).sum(), leaf)
    torch.testing.assert_close(build("estimator", "vq_straight_through").estimate(problem, generator), slope)
    rotated = build("estimator", "rotation_trick").estimate(problem, generator)
    torch.testing.assert_close(rotated.norm(dim=-1), slope.norm(dim=-1) * code.norm(dim=-1) / x.norm(dim=-1))
    angles = [torch.cosine_similarity(a, b, dim=-1) for a, b in ((rotated, x), (slope, code))]
    torch.testing.assert_close(*angles)
    assert (rotated - slope).norm() > 0.1


@pytest.mark.parametrize("assignment", ["nearest", "sampled"])
@pytest.mark.parametrize("name", ["vq_straight_through", "rotation_trick", "codebook_loss"])
@pytest.mark.parametrize("temperature", [0.3, 3.0])
def test_claimed_bias_and_variance(build, draw, name, assignment, temperature):
    """Mean at level 1e-6, variance at 6 standard errors: rate below 2e-5 over all."""
    loss = "codebook" if name == "codebook_loss" else "reconstruction"
    problem = build("problem", "vq", loss=loss, temperature=temperature, **SMALL)
    check_claims(problem, build("estimator", name, assignment=assignment), draw)


def check_claims(problem, estimator, draw):
    values = draw(estimator, problem, 8192)
    claims = {type(claim): claim.formula(problem, estimator) for claim in estimator.claims}
    expected = (problem.truth + claims[Bias]).reshape(-1)
    assert unbiasedness_p_value(Moments(values, expected), 1e-10) > 1e-6
    squares = (values - values.mean(0)).square().sum(1)
    error = float(squares.std()) / len(values) ** 0.5
    assert abs(float(squares.mean() - claims[Variance].sum())) <= 6 * error + 1e-12
    assert (float(claims[Variance].sum()) > 0) == (estimator.assignment == "sampled")
    with counting() as counts:
        estimator.estimate(problem, torch.Generator().manual_seed(0))
    assert counts["evaluation"] == claims[Cost] == 1


RESIDUAL = ("residual_vq", {"codes": 3, "stages": 3, "dim": 3, "batch": 2})
SCALAR = ("scalar_quantisation", {"levels": 4, "dim": 2, "batch": 3})
OTHERS = [(name, {**sizes, "temperature": T}) for name, sizes in (RESIDUAL, SCALAR) for T in (0.3, 3.0)]


def decoded(problem, b, point):
    _, _, y, W, bias, V = problem._data
    return 0.5 * (y[b] - torch.tanh(W @ point + bias) @ V.T).square().sum()


def residual_loss(problem, x):
    """Σ_b E f_b by its definition: choice by choice, with what is left after each."""
    stages, total = problem._data[1], 0.0
    for b in range(problem.batch):
        for choice in itertools.product(range(problem.codes), repeat=problem.stages):
            left, probability = x[b], 1.0
            for E, c in zip(stages, choice, strict=True):
                probability = probability * torch.softmax(-(left - E).square().sum(-1) / problem.temperature, 0)[c]
                left = left - E[c]
            chosen = sum(E[c] for E, c in zip(stages, choice, strict=True))
            total = total + probability * decoded(problem, b, chosen)
    return total


def scalar_loss(problem, x):
    """The same on the grid, point by point."""
    levels, total = torch.linspace(-1, 1, problem.levels, dtype=torch.float64), 0.0
    for b in range(problem.batch):
        q = torch.softmax(-(x[b][:, None] - levels).square() / problem.temperature, -1)
        for choice in itertools.product(range(problem.levels), repeat=problem.dim):
            probability = torch.stack([q[i, c] for i, c in enumerate(choice)]).prod()
            total = total + probability * decoded(problem, b, levels[list(choice)])
    return total


@pytest.mark.parametrize(("name", "parameters"), OTHERS)
def test_truths_of_stages_and_of_channels_are_derivatives_by_definition(build, name, parameters):
    """And so are the values that the sums over all codes give."""
    problem = build("problem", name, **parameters)
    x = problem.outputs.clone().requires_grad_()
    loss = residual_loss if name == "residual_vq" else scalar_loss
    (expected,) = torch.autograd.grad(loss(problem, x), x)
    torch.testing.assert_close(problem.truth, expected, rtol=1e-9, atol=1e-12)
    exact = build("estimator", "enumeration").estimate(problem, torch.Generator())
    torch.testing.assert_close(exact, problem.truth, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(problem.probabilities.sum(-1), torch.ones(problem.batch, dtype=torch.float64))
    value = (problem.probabilities * problem._code_losses).sum()
    torch.testing.assert_close(value, loss(problem, x).detach())


def test_stages_choose_greedily_and_channels_round(build):
    """The limit T → 0 of their laws. Greedy sums are not always the nearest ones; points of the grid are."""
    closest = {}
    for name, parameters in (RESIDUAL, SCALAR):
        problem = build("problem", name, **{**parameters, "batch": 64})
        cold = build("problem", name, **{**parameters, "batch": 64, "temperature": 1e-4})
        assert torch.equal(problem.nearest, cold.probabilities.argmax(-1))
        assert (cold.posterior_kl - math.log(len(cold.codebook))).abs().max() < 1e-3
        distances = (problem.outputs[:, None] - problem.codebook).square().sum(-1)
        closest[name] = float((distances.argmin(-1) == problem.nearest).double().mean())
    assert closest["scalar_quantisation"] == 1
    assert 0.5 < closest["residual_vq"] < 1


def test_a_law_of_stages_that_is_a_plain_codebooks_is_found(build):
    """The broken twin: the K^M sums as one codebook. The same vectors, another law, and another gradient."""

    class Flat(ResidualVQ):
        @property
        def _paths(self):
            towards = self.codebook - self.outputs[:, None]
            return -towards.square().sum(-1) / self.temperature, towards

    wrong, right = Flat(**RESIDUAL[1]), build("problem", "residual_vq", **RESIDUAL[1])
    assert torch.equal(wrong.codebook, right.codebook)
    assert (wrong.truth - right.truth).norm() > 0.1 * right.truth.norm()


@pytest.mark.parametrize("assignment", ["nearest", "sampled"])
@pytest.mark.parametrize("name", ["vq_straight_through", "rotation_trick"])
@pytest.mark.parametrize(("problem_name", "parameters"), OTHERS[1:3])
def test_quantisers_serve_stages_and_channels(build, draw, problem_name, parameters, name, assignment):
    """Claimed bias at level 1e-6 and variance at 6 standard errors: rate below 1e-5 over all."""
    check_claims(build("problem", problem_name, **parameters), build("estimator", name, assignment=assignment), draw)


@pytest.mark.parametrize(("problem_name", "parameters"), OTHERS[1:3])
def test_what_is_unbiased_stays_so_past_stages_and_channels(build, draw, problem_name, parameters):
    """RLOO and the double control variate, at level 1e-6 each."""
    problem = build("problem", problem_name, **parameters)
    for name, given in (("reinforce", {"samples": 4, "baseline": "leave_one_out"}), ("double_control", {})):
        values = draw(build("estimator", name, **given), problem, 4096)
        assert unbiasedness_p_value(Moments(values, problem.truth.reshape(-1)), 1e-10) > 1e-6


def test_no_rotation_takes_anything_to_zero(build):
    problem = build("problem", "scalar_quantisation", levels=3, dim=2)
    with pytest.raises(Unsupported, match="no rotation takes x to a code that is 0"):
        build("estimator", "rotation_trick").estimate(problem, torch.Generator())


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("residual_vq", {"codes": 64, "stages": 3}, r"64\^3 states are more than 16384"),
        ("scalar_quantisation", {"levels": 8, "dim": 5}, r"8\^5 states are more than 16384"),
    ],
)
def test_more_states_than_can_be_summed_are_refused(build, name, parameters, message):
    with pytest.raises(ParameterError, match=message):
        build("problem", name, **parameters)


@pytest.mark.parametrize("loss", ["reconstruction", "codebook"])
def test_general_estimators_are_unbiased_here_too(build, draw, loss):
    """RLOO, REBAR at level 1e-6 each; the chain rule from logits is exact, so what is unbiased stays so."""
    problem = build("problem", "vq", loss=loss, **SMALL)
    for name, parameters in (("reinforce", {"samples": 4, "baseline": "leave_one_out"}), ("rebar", {})):
        values = draw(build("estimator", name, **parameters), problem, 8192)
        assert unbiasedness_p_value(Moments(values, problem.truth.reshape(-1)), 1e-10) > 1e-6
    if loss == "codebook":
        values = draw(build("estimator", "reinmax"), problem, 8192)
        assert unbiasedness_p_value(Moments(values, problem.truth.reshape(-1)), 1e-10) > 1e-6


def test_what_does_not_apply_says_why(build):
    generator = torch.Generator()
    with pytest.raises(Unsupported, match="needs a codebook and its reconstruction loss"):
        build("estimator", "rotation_trick").estimate(build("problem", "categorical"), generator)
    with pytest.raises(Unsupported, match="needs a codebook and its codebook loss"):
        build("estimator", "codebook_loss").estimate(build("problem", "vq"), generator)
