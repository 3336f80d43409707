"""Identities between estimators, and of the noise that they share."""

import pytest
import torch
from scipy import integrate, stats

from estibench.host.components import ParameterError
from estibench_discrete.distribution import conditional_gumbels, gumbels, sample, softmax_vjp, tempered
from estibench_discrete.quadrature import binary_moments

ALL = [
    ("enumeration", {}),
    ("reinforce", {"samples": 2}),
    ("reinforce", {"samples": 3, "baseline": "leave_one_out"}),
    ("reinforce", {"samples": 3, "baseline": "moving_average"}),
    ("straight_through", {}),
    ("reinmax", {}),
    ("gumbel_softmax", {"tau": 0.3}),
    ("gumbel_softmax", {"tau": 0.3, "hard": True}),
    ("gumbel_softmax", {"tau": 1.0, "forward": 0.3}),
    ("gumbel_rao", {"tau": 0.3}),
    ("rebar", {"eta": 0.7}),
    ("relax", {"samples": 4}),
    ("arm", {"method": "arm"}),
    ("arm", {"method": "disarm"}),
    ("arms", {}),
    ("double_control", {}),
]


@pytest.mark.parametrize(("name", "parameters"), ALL)
def test_logit_gradients_sum_to_zero(build, name, parameters):
    """Adding a constant to all logits of a variable changes nothing, so the components of a gradient cancel."""
    problem = build("problem", "product", variables=3, values=2, objective_kind="cubic", offset=5.0)
    estimator = build("estimator", name, **parameters)
    for seed in range(5):
        estimate = estimator.estimate(problem, torch.Generator().manual_seed(seed))
        assert estimate.sum(-1).abs().max() < 1e-12


@pytest.mark.parametrize(("name", "parameters"), [entry for entry in ALL if entry[0] != "relax"])
def test_a_constant_in_f_changes_no_mean(build, draw, name, parameters):
    """With the same seeds the difference is c times a mean of scores, whose mean is 0: z-tests at 5.5 errors, 1e-6.

    Where a baseline or a derivative removes the constant, each draw is the same.
    """
    problem, shifted = (build("problem", "product", variables=3, values=2, offset=offset) for offset in (0.0, 4.0))
    torch.testing.assert_close(problem.truth, shifted.truth)
    estimator = build("estimator", name, **parameters)
    difference = draw(estimator, shifted, 4000) - draw(estimator, problem, 4000)
    depends = name in ("reinforce", "rebar") and parameters.get("baseline") != "leave_one_out"
    assert (difference.abs().max() > 1e-3) == depends
    if depends:
        error = difference.std(0) / len(difference) ** 0.5
        assert (difference.mean(0).abs() <= 5.5 * error).all()


def test_leave_one_out_is_the_sample_covariance_of_f_and_the_score(build):
    problem = build("problem", "product", variables=2, values=3)
    estimate = build("estimator", "reinforce", samples=6, baseline="leave_one_out").estimate(
        problem, torch.Generator().manual_seed(5)
    )
    p = torch.softmax(problem.logits, -1)
    z = sample(p, 6, torch.Generator().manual_seed(5))
    f, score = problem.objective.function(z), (z - p).flatten(1)
    covariance = torch.cov(torch.cat([f, score], 1).T)[0, 1:]
    torch.testing.assert_close(estimate.flatten(), covariance)


@pytest.mark.parametrize("inner", [1, 8])
def test_gumbel_rao_has_the_mean_of_straight_through_gumbel_and_less_variance(build, draw, inner):
    """Two-sample z-tests of 6 components at 5.5 standard errors: rate below 1e-6. For k = 1 variances agree too."""
    problem = build("problem", "product", variables=2, values=3, objective_kind="cubic")
    rao = draw(build("estimator", "gumbel_rao", tau=0.5, inner=inner), problem, 40_000, seed=1)
    plain = draw(build("estimator", "gumbel_softmax", tau=0.5, hard=True), problem, 40_000, seed=2)
    error = ((rao.var(0) + plain.var(0)) / len(rao)).sqrt()
    assert ((rao.mean(0) - plain.mean(0)).abs() <= 5.5 * error).all()
    ratio = float(rao.var(0).sum() / plain.var(0).sum())
    assert 0.93 < ratio < 1.07 if inner == 1 else ratio < 0.6


def test_disarm_is_arm_with_its_noise_averaged(build):
    """Given the pair u is uniform beyond max(p, 1 − p): averaging ARM over it by quadrature gives DisARM."""
    problem = build("problem", "bernoulli_quadratic", p=0.3, target=0.2)
    f0, f1 = 0.04, 0.64
    arm, _ = integrate.quad(lambda u: (f1 - f0) * (u - 0.5), 0.7, 1.0)
    estimator = build("estimator", "arm")
    values = {
        round(float(estimator.estimate(problem, torch.Generator().manual_seed(seed))[0, 0, 1]), 12)
        for seed in range(60)
    }
    assert values == {0.0, round(arm / 0.3, 12)}


# Noise.


def test_gumbel_max_frequencies_are_the_probabilities(build):
    """Pearson's χ² at level 1e-6; without the logarithm's second minus (u instead of −log u) it is rejected."""
    problem = build("problem", "categorical_law", values=6)
    frequencies = build("estimator", "gumbel_max", samples=200_000).estimate(problem, torch.Generator().manual_seed(0))
    chi = float((200_000 * (frequencies - problem.truth) ** 2 / problem.truth).sum())
    assert stats.chi2.sf(chi, 5) > 1e-6
    u = torch.rand(200_000, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    wrong = torch.bincount((problem.logits - torch.log(1 - u)).argmax(-1), minlength=6) / 200_000
    assert stats.chi2.sf(float((200_000 * (wrong - problem.truth) ** 2 / problem.truth).sum()), 5) < 1e-6


def test_conditional_gumbels_keep_the_choice_and_the_law():
    """Each component against its own Gumbel law, log p_i + g, by Kolmogorov–Smirnov at level 1e-6."""
    generator = torch.Generator().manual_seed(0)
    log_p = torch.log_softmax(torch.tensor([[[0.0, 1.0, -2.0]]], dtype=torch.float64), -1)
    chosen = sample(log_p.exp(), 20_000, generator)
    z, _ = conditional_gumbels(log_p, chosen, 1, generator)
    assert torch.equal(z[0].argmax(-1), chosen.argmax(-1))
    for value in range(3):
        law = stats.gumbel_r(loc=float(log_p[0, 0, value]))
        assert stats.kstest(z[0, :, 0, 0, value].numpy(), law.cdf).pvalue > 1e-6


def test_slopes_of_conditional_gumbels_are_their_derivatives():
    log_p = torch.log_softmax(torch.tensor([[[0.3, 1.0, -2.0, 0.0]]], dtype=torch.float64), -1)
    chosen = torch.nn.functional.one_hot(torch.tensor([[[1]], [[3]]]), 4).double()

    def noise(at):
        return conditional_gumbels(at, chosen, 2, torch.Generator().manual_seed(1))[0]

    slope = conditional_gumbels(log_p, chosen, 2, torch.Generator().manual_seed(1))[1]
    jacobian = torch.func.jacrev(noise)(log_p)  # (2, 2, 1, 1, 4, 1, 1, 4)
    diagonal = jacobian[:, :, 0, 0, :, 0, 0].diagonal(dim1=-2, dim2=-1)
    torch.testing.assert_close(slope[:, :, 0, 0], diagonal)
    assert ((slope == 0) == (chosen > 0)).all()


def test_softmax_products_are_those_of_autograd():
    z = torch.tensor([0.3, -1.0, 2.0], dtype=torch.float64, requires_grad=True)
    v = torch.tensor([1.0, 4.0, -2.0], dtype=torch.float64)
    (expected,) = torch.autograd.grad(tempered(z, 0.5) @ v, z)
    torch.testing.assert_close(softmax_vjp(tempered(z.detach(), 0.5), v) / 0.5, expected)


@pytest.mark.parametrize(
    ("tau", "forward"), [(0.05, 0.05), (0.5, 0.5), (8.0, 8.0), (0.05, 0), (0.5, 0), (8.0, 0), (0.5, 2.0), (2.0, 0.1)]
)
def test_quadrature_agrees_with_adaptive_integration(build, tau, forward):
    """Over the logistic noise itself, by scipy, with the kink as a break point. A forward temperature of 0 is hard."""
    problem = build("problem", "categorical", values=2, objective_kind="cubic")
    delta = float(problem.logits[0, 0, 1] - problem.logits[0, 0, 0])

    def h(noise):
        x = torch.tensor((delta + noise) / tau, dtype=torch.float64)
        y = torch.sigmoid(x)
        point = torch.sigmoid(x * tau / forward) if forward else (x > 0).double()
        z = torch.stack([1 - point, point])[None, None, None]
        v = torch.func.grad(lambda at: problem.objective.function(at).sum())(z)[0, 0, 0]
        return float(y * (1 - y) / tau * (v[1] - v[0]))

    for power, found in zip((1, 2), binary_moments(problem, tau, forward), strict=True):
        pieces = [-30.0, -delta - 8 * tau, -delta, -delta + 8 * tau, 30.0]
        expected = sum(
            integrate.quad(lambda u, k=power: h(u) ** k * stats.logistic.pdf(u), a, b, epsabs=1e-9, limit=40)[0]
            for a, b in zip(sorted(pieces), sorted(pieces)[1:], strict=False)
        )
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-8)


def test_bias_falls_with_tau_and_variance_grows_with_its_inverse(build):
    """For one coin, exactly: bias ~ τ and E h² ~ 1/τ as τ → 0."""
    problem = build("problem", "bernoulli_quadratic", p=0.3, target=0.2)
    biases, squares = [], []
    for tau in (0.02, 0.04):
        mean, square = binary_moments(problem, tau, tau)
        biases.append(abs(mean - float(problem.truth[0, 0, 1])))
        squares.append(square)
    assert biases[1] / biases[0] == pytest.approx(2, rel=0.05)
    assert squares[0] / squares[1] == pytest.approx(2, rel=0.02)


def test_decoupled_temperatures_lie_between_gumbel_softmax_and_straight_through_gumbel(build):
    """To the bit where they agree, and towards the corner as the forward temperature falls; not both can be given."""
    problem = build("problem", "product", variables=2, values=3, objective_kind="cubic")

    def one(**parameters):
        return build("estimator", "gumbel_softmax", tau=1.0, **parameters).estimate(
            problem, torch.Generator().manual_seed(2)
        )

    assert torch.equal(one(forward=1.0), one())
    torch.testing.assert_close(one(forward=1e-3), one(hard=True))
    assert min((one(forward=0.3) - other).norm() for other in (one(), one(hard=True))) > 1e-3
    with pytest.raises(ParameterError, match="give one of them"):
        build("estimator", "gumbel_softmax", hard=True, forward=0.5)


def test_uniforms_never_reach_the_ends():
    noise = gumbels((1_000_000,), torch.zeros(1, dtype=torch.float32), torch.Generator().manual_seed(0))
    assert torch.isfinite(noise).all()
