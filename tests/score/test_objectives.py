"""Every objective: unbiased for what it claims, with the variance and at the cost that it claims; identities."""

from __future__ import annotations

import math

import pytest
import torch

from estibench import Unsupported, counting
from estibench.measure.statistics import unbiasedness_p_value
from estibench_score.contract import ScoreEstimator
from estibench_score.gaussian_theory import denoising_variance, explicit_variance, implicit_variance, is_normal
from estibench_score.noise import draw_directions, outer_product_variance
from estibench_score.sliced import sliced_variance

GAUSSIAN = {"name": "gaussian", "covariance": "full"}
MIXTURE = {"name": "gaussian_mixture", "layout": "random", "spread": 1.5, "scale": 1.0}
SIGMA = 0.5
CLEAN = [
    ("explicit", {}),
    ("implicit", {}),
    ("sliced", {}),
    ("sliced", {"slices": 2, "noise": "gaussian", "variance_reduced": False}),
    ("sliced", {"noise": "sphere", "variance_reduced": False}),
    ("finite_difference", {"step": 0.001, "slices": 2}),
    ("curvature_propagation", {}),
]
NOISED = [("denoising", {"sigma": SIGMA, "reduction": r}) for r in ("none", "control_variate", "antithetic")]
MODELS = ("gaussian", "exponential_family", "mixture", "mlp", "energy")


MADE = {}


def _problem(build, **parameters):
    """A small problem; the same one for the same parameters, since a reference takes its time."""
    given = {"dim": 3, "batch": 8, "hidden": 6, **parameters}
    if str(given) not in MADE:
        MADE[str(given)] = build("problem", "score_gradient", **given)
    return MADE[str(given)]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("name", "parameters"), CLEAN)
def test_unbiased_for_the_clean_density(build, moments, name, parameters, model):
    """31 tests at 1e-6, on a mixture. Finite differences at ε = 10⁻³ have a bias of 10⁻⁶, invisible in 4 096 draws."""
    problem = _problem(build, model=model, density=MIXTURE)
    estimator = build("estimator", name, **parameters)
    if name == "curvature_propagation" and model != "energy":
        with pytest.raises(Unsupported, match="energy network"):
            estimator.estimate(problem, torch.Generator().manual_seed(0))
        return
    assert unbiasedness_p_value(moments(estimator, problem, 4096), 1e-10) > 1e-6


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("name", "parameters"), [*CLEAN[:3], *NOISED])
def test_unbiased_for_the_noised_density(build, moments, name, parameters, model):
    """30 tests at 1e-6; denoising adds the noise itself, for the others the data have it."""
    problem = _problem(build, model=model, density=MIXTURE, smoothing=(SIGMA,))
    estimator = build("estimator", name, **parameters)
    assert unbiasedness_p_value(moments(estimator, problem, 4096), 1e-10) > 1e-6


@pytest.mark.parametrize("model", MODELS)
def test_a_ladder_is_unbiased_for_the_weighted_levels(build, moments, model):
    """5 tests at 1e-6. Networks see the level, so the truth does as well."""
    levels = (0.3, 0.6, 1.2)
    problem = _problem(build, model=model, density=MIXTURE, smoothing=levels)
    ladder = build("estimator", "denoising_ladder", sigmas=list(levels))
    assert unbiasedness_p_value(moments(ladder, problem, 4096), 1e-10) > 1e-6
    with pytest.raises(Unsupported, match="several noise levels"):
        build("estimator", "implicit").estimate(problem, torch.Generator().manual_seed(0))


def test_what_is_wrong_is_found(build, moments):
    """A Laplacian divided by m, a slice that is not averaged, noise of the wrong size: all refuted at 1e-6."""
    problem = _problem(build, model="mlp", density=MIXTURE)

    class DividedByM(ScoreEstimator):
        def loss(self, s, x, generator):
            value, divergence = s.with_divergence(x)
            return (divergence / x.shape[-1] + 0.5 * value.square().sum(-1)).mean()

    class Summed(ScoreEstimator):
        def loss(self, s, x, generator):
            v = draw_directions("rademacher", (2, *x.shape), x, generator)
            value, products = s.with_vjps(x, v)
            return (v * products).sum(-1).sum(0).mean() + 0.5 * value.square().sum(-1).mean()

    for wrong in (DividedByM(), Summed(), build("estimator", "denoising", sigma=SIGMA)):
        assert unbiasedness_p_value(moments(wrong, problem, 4096), 1e-10) < 1e-6


@pytest.mark.parametrize("covariance", ["isotropic", "full"])
def test_variances_on_normal_data_are_the_closed_forms(build, draw, spread, covariance):
    """Within 6 standard errors of the variance of 10 000 draws, 18 comparisons: false failures below 1e-6.

    The standard error is 1–2 %, so that a missing factor m/(m+1) or a lost cross term is found.
    """
    density = {"name": "gaussian", "covariance": covariance}
    clean, noised = (_problem(build, density=density, batch=4, smoothing=levels) for levels in ((), (SIGMA,)))
    assert is_normal(clean.density)
    cases = [(problem, "explicit", {}, explicit_variance(problem)) for problem in (clean, noised)]
    cases += [(problem, "implicit", {}, implicit_variance(problem)) for problem in (clean, noised)]
    for parameters in ({"noise": "gaussian"}, {"noise": "sphere", "slices": 2}):
        estimator = build("estimator", "sliced", **parameters)
        cases.append((clean, "sliced", parameters, sliced_variance(clean, estimator)))
    for _, parameters in NOISED:
        claimed = denoising_variance(clean, SIGMA, parameters["reduction"])
        cases.append((clean, "denoising", parameters, claimed))
    for problem, name, parameters, claimed in cases:
        found, error = spread(draw(build("estimator", name, **parameters), problem, 10_000))
        assert abs(found - claimed) < 6 * error, (name, parameters)


@pytest.mark.parametrize("density", [GAUSSIAN, MIXTURE, {"name": "laplace"}], ids=lambda density: density["name"])
def test_the_bias_of_denoising_with_a_normal_model(build, draw, density):
    """(σ²P, 0) for every density: per component within 6 standard errors, false failures below 1e-6."""
    problem = _problem(build, density=density)
    claim = next(c for c in build("estimator", "denoising").claims if c.statement.startswith("bias"))
    estimator = build("estimator", "denoising", sigma=SIGMA)
    clean = problem.score_model.exact_gradient(problem.initial, problem.density, 1e-9)
    values = draw(estimator, problem, 20_000)
    error = values.std(0) / len(values) ** 0.5
    expected = clean + claim.formula(problem, estimator)
    assert ((values.mean(0) - expected).abs() < 6 * error).all()
    assert claim.formula(problem, build("estimator", "denoising", sigma=1.0)).norm() > 1
    noised = _problem(build, density=density, smoothing=(SIGMA,))
    assert claim.formula(noised, estimator) is None


@pytest.mark.parametrize("noise", ["rademacher", "gaussian", "sphere"])
@pytest.mark.parametrize("variance_reduced", [True, False])
def test_the_variance_of_slicing_falls_with_the_slices_to_that_of_implicit(
    build, draw, spread, noise, variance_reduced
):
    """V(k) = V_ISM + (V(1) − V_ISM)/k at k = 1, 4 for a network on a mixture, within 6 standard errors: below 1e-6."""
    problem = _problem(build, model="mlp", density=MIXTURE)
    whole, whole_error = spread(draw(build("estimator", "implicit"), problem, 10_000))
    (one, one_error), (four, four_error) = (
        spread(draw(build("estimator", "sliced", slices=k, noise=noise, variance_reduced=variance_reduced), problem, n))
        for k, n in ((1, 10_000), (4, 5_000))
    )
    expected = whole + (one - whole) / 4
    assert abs(four - expected) < 6 * math.hypot(four_error, 0.75 * whole_error, 0.25 * one_error)
    assert one > four > whole


@pytest.mark.parametrize("model", ["mixture", "mlp", "energy"])
def test_implicit_plus_half_the_scores_square_is_explicit(build, model):
    """E[tr ∇s + ½‖s‖²] + ½E‖∇log p‖² = ½E‖s − ∇log p‖², by quadrature in two dimensions."""
    density = {"name": "gaussian_mixture", "layout": "ring", "spread": 1.5, "scale": 0.7}
    problem = _problem(build, dim=2, model=model, density=density)
    ticks = torch.linspace(-7, 7, 141, dtype=torch.float64)
    x = torch.cartesian_prod(ticks, ticks)
    weights = problem.density.log_prob(x).exp() * (ticks[1] - ticks[0]) ** 2
    field = problem.field(problem.theta, transformed=True)

    def integral(name):
        loss = build("estimator", name).loss
        return (weights * torch.func.vmap(lambda point: loss(field, point[None], torch.Generator()))(x)).sum()

    half_square = 0.5 * (weights * problem.density.score(x).square().sum(-1)).sum()
    torch.testing.assert_close(integral("implicit") + half_square, integral("explicit"), rtol=1e-9, atol=1e-9)


def test_denoising_is_explicit_against_the_noised_density_and_a_constant(build):
    """Losses at two parameters differ by as much for DSM(σ) and for the explicit objective of p_σ.

    Paired losses of 2¹⁸ points; within 6 standard errors of the difference's mean: 2e-9.
    """
    problem = _problem(build, model="mlp", density=MIXTURE, batch=2**18, smoothing=(SIGMA,))
    other = problem.score_model.initial(torch.Generator().manual_seed(9))

    def difference(name, parameters, seed):
        estimator = build("estimator", name, **parameters)
        x = problem.minibatches(1, torch.Generator().manual_seed(seed), estimator.denoises)[0].reshape(256, -1, 3)
        losses = [
            torch.stack(
                [
                    estimator.loss(problem.field(theta, transformed=True), part, torch.Generator().manual_seed(i))
                    for i, part in enumerate(x)
                ]
            )
            for theta in (problem.theta, other)
        ]
        paired = losses[0] - losses[1]
        return paired.mean(), paired.std() / len(paired) ** 0.5

    expected, its_error = difference("explicit", {}, 1)
    for name, parameters in NOISED:
        found, error = difference(name, parameters, 2)
        assert abs(found - expected) < 6 * math.hypot(error, its_error)
    assert abs(expected) > 20 * its_error


def test_losses_share_one_normalisation(build):
    """Implicit, sliced, finite differences, curvature and the reduced denoising losses are J − ½E‖∇log p‖² in value."""
    problem = _problem(build, model="energy", density=MIXTURE, batch=2**16)
    x = problem.minibatches(1, torch.Generator().manual_seed(3), denoises=True)[0]
    field, values = problem.field(problem.theta, transformed=False), {}
    for name, parameters in [*CLEAN[1:], ("denoising", {"sigma": 0.01, "reduction": "control_variate"})]:
        loss = build("estimator", name, **parameters).loss(field, x, torch.Generator().manual_seed(4))
        values[name, str(parameters)] = float(loss.detach())
    exact = values["implicit", "{}"]
    assert all(value == pytest.approx(exact, rel=0.05) for value in values.values()), values


@pytest.mark.parametrize(
    ("name", "parameters", "spent"),
    [
        ("explicit", {}, {"evaluation": 1, "sweep": 1}),
        ("implicit", {}, {"evaluation": 1, "vjp": 3, "sweep": 4}),
        ("sliced", {"slices": 5}, {"evaluation": 1, "vjp": 5, "sweep": 6}),
        ("denoising", {}, {"evaluation": 1, "sweep": 1}),
        ("denoising", {"reduction": "antithetic"}, {"evaluation": 2, "sweep": 2}),
        ("denoising", {"reduction": "control_variate"}, {"evaluation": 2, "sweep": 2}),
        ("denoising_ladder", {}, {"evaluation": 1, "sweep": 1}),
        ("finite_difference", {"slices": 2}, {"evaluation": 4, "sweep": 4}),
        ("curvature_propagation", {"samples": 2}, {"evaluation": 1, "vjp": 4, "sweep": 5}),
    ],
)
def test_work_is_counted_as_claimed(build, name, parameters, spent):
    problem = _problem(build, model="energy", density=MIXTURE)
    estimator = build("estimator", name, **parameters)
    with counting() as counts:
        estimator.estimate(problem, torch.Generator().manual_seed(0))
    assert dict(counts) == spent
    for claim in estimator.claims:
        if claim.statement.split()[0] in spent:
            assert claim.formula(problem, estimator) == spent[claim.statement.split()[0]]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("name", "parameters"), [*CLEAN, *NOISED, ("denoising_ladder", {})])
def test_one_call_and_many_agree(build, draw, name, parameters, model):
    """Plain autograd for one estimate, `torch.func` for many: two-sample z-tests of every component at 6 errors."""
    if name == "curvature_propagation" and model != "energy":
        return
    problem = _problem(build, model=model, density=GAUSSIAN, reference=2**10)
    estimator = build("estimator", name, **parameters)
    many = draw(estimator, problem, 2000)
    generator = torch.Generator().manual_seed(1)
    single = torch.stack([estimator.estimate(problem, generator) for _ in range(100)])
    error = (many.var(0) / len(many) + single.var(0) / len(single)).sqrt()
    assert ((many.mean(0) - single.mean(0)).abs() <= 6.5 * error + 1e-10).all()


@pytest.mark.parametrize("noise", ["rademacher", "gaussian", "sphere"])
def test_directions_have_their_second_and_fourth_moments(noise):
    """z-tests at 6 errors of 26 numbers, n = 200 000: false failures 5e-8."""
    like = torch.zeros((), dtype=torch.float64)
    v = draw_directions(noise, (200_000, 5), like, torch.Generator().manual_seed(0))
    outer = (v[:, :, None] * v[:, None, :]).flatten(1)
    error = outer.std(0) / len(v) ** 0.5
    assert ((outer.mean(0) - torch.eye(5, dtype=torch.float64).flatten()).abs() <= 6 * error + 1e-12).all()
    squares = (outer - torch.eye(5, dtype=torch.float64).flatten()).square().sum(1)
    error = squares.std() / len(v) ** 0.5
    assert abs(squares.mean() - outer_product_variance(noise, 5)) <= 6 * error + 1e-9


def test_bad_parameters_say_what_is_wrong(build):
    with pytest.raises(Exception, match="no exact convolution"):
        _problem(build, density={"name": "funnel"}, smoothing=(0.3,))
    with pytest.raises(Exception, match="at least two noise levels"):
        build("estimator", "denoising_ladder", sigmas=[0.3])
