"""exp(log_prob) integrates to exp(log_normalizer)."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

COVARIANCES = ("isotropic", "diagonal", "full", "low_rank", "ill_conditioned")


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("double_well", {}),
        ("double_well", {"a": 1.0, "h": 20.0}),
        ("exponential", {"rate": 0.7}),
        *(("gaussian", {"covariance": covariance}) for covariance in COVARIANCES),
        ("gaussian_mixture", {}),
        ("gaussian_mixture", {"layout": "random"}),
        ("ica", {}),
        ("laplace", {"b": 0.7}),
        ("quartic", {}),
        ("quartic", {"a": -4.0, "b": 0.5}),
        ("student_t", {}),
        ("student_t", {"df": 1.0}),
    ],
)
def test_the_integral_over_the_line(classes, name, parameters):
    density = classes[name](dim=1, **parameters)

    def p(x):
        return math.exp(float(density.log_prob(torch.tensor([x], dtype=torch.float64))))

    pieces = [-math.inf, *np.linspace(-10, 10, 41), math.inf]
    mass = sum(integrate.quad(p, low, high)[0] for low, high in itertools.pairwise(pieces))
    assert math.log(mass) == pytest.approx(density.log_normalizer, abs=1e-7)


@pytest.mark.parametrize(
    ("name", "parameters", "reach"),
    [
        ("banana", {}, 6.0),
        ("double_well", {}, 4.0),
        ("funnel", {"sigma": 1.0}, 7.0),
        ("gaussian", {"covariance": "full"}, 4.0),
        ("gaussian_mixture", {"layout": "ring"}, 4.0),
        ("gaussian_mixture", {"layout": "grid"}, 4.0),
        ("gaussian_mixture", {"layout": "random"}, 4.0),
        ("ica", {}, 6.0),
        ("many_well", {}, 4.0),
        ("quartic", {"a": -2.0}, 3.0),
        ("rings", {}, 3.0),
        ("rings", {"rings": 1, "spacing": 0.3, "scale": 0.5}, 3.0),
        ("rosenbrock", {"a": 1.0}, 4.5),
        ("student_t", {}, 11.0),
    ],
)
def test_the_integral_over_the_plane(classes, name, parameters, reach):
    """A trapezoidal sum in t with x = sinh t, |t| ≤ reach: fine near the origin, wide for heavy tails."""
    density = classes[name](dim=2, **parameters)
    t = torch.linspace(-reach, reach, 701, dtype=torch.float64)
    x = torch.cartesian_prod(t.sinh(), t.sinh())
    log_p = torch.cat([density.log_prob(chunk) for chunk in x.split(2**17)])
    log_area = (torch.cartesian_prod(t.cosh(), t.cosh()).prod(-1)).log() + 2 * (t[1] - t[0]).log()
    # The cone at the centre of the rings is a kink, which a trapezoidal sum feels.
    tolerance = 1e-5 if name == "rings" else 1e-8
    assert float((log_p + log_area).logsumexp(0)) == pytest.approx(density.log_normalizer, abs=tolerance)


def test_many_well_has_the_published_normalizer(classes):
    """The code of Midgley et al. 2023 has ∫ exp(−a⁴ + 6a² + a/2) = 11784.50927."""
    log_z = 16 * (math.log(11784.50927) + 0.5 * math.log(2 * math.pi))
    assert classes["many_well"](dim=32).log_normalizer == pytest.approx(log_z, abs=1e-7)


def test_pure_quartic_has_a_closed_form(classes):
    """∫ exp(−y⁴/4) dy = Γ(1/4)/√2."""
    expected = 3 * math.log(math.gamma(0.25) / math.sqrt(2))
    assert classes["quartic"](dim=3, a=0.0).log_normalizer == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_gaussian_agrees_with_scipy_in_many_dimensions(classes, covariance):
    density = classes["gaussian"](dim=12, covariance=covariance)
    _assert_normal(density)


def test_linear_posterior_is_the_normal_that_its_score_says(classes):
    _assert_normal(classes["linear_posterior"](data="diabetes", dim=10))


def test_student_t_agrees_with_scipy_in_many_dimensions(classes):
    density = classes["student_t"](dim=7, df=2.5)
    mean, factor = density._mean_and_factor
    x = density.sample(20, torch.Generator().manual_seed(0))
    expected = stats.multivariate_t(mean.numpy(), (factor @ factor.T).numpy(), df=2.5).logpdf(x.numpy())
    torch.testing.assert_close(density.log_prob(x), torch.as_tensor(expected))


@pytest.mark.parametrize(("name", "parameters"), [("phi4", {}), ("logistic_posterior", {"data": "wine", "dim": 13})])
def test_unnormalised_densities_say_so(classes, name, parameters):
    assert classes[name](**parameters).log_normalizer is None


def _assert_normal(density):
    """log_prob is that of the normal distribution with the precision and mean that the score implies."""
    origin = torch.zeros(density.dim, dtype=torch.float64)
    precision = -torch.func.jacrev(density.score)(origin)
    mean = torch.linalg.solve(precision, density.score(origin))
    normal = torch.distributions.MultivariateNormal(mean, precision_matrix=(precision + precision.T) / 2)
    x = density.sample(20, torch.Generator().manual_seed(0))
    torch.testing.assert_close(density.log_prob(x), normal.log_prob(x))
