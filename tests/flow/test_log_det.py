"""Log-determinants of residual blocks: truths, exactness, and bias and variance in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch

from estibench import counting
from estibench.host.components import ParameterError, make
from estibench.measure.statistics import Moments, unbiasedness_p_value
from estibench_flow.matrices import log_abs_det
from estibench_flow.power_series import truncation, variance
from estibench_flow.russian_roulette import RussianRoulette, finite_variance, roulette_variance

FAMILIES = ["symmetric", "linear", "mlp"]
NOISES = ["rademacher", "gaussian"]


def block(build, **parameters):
    return build("problem", "residual_block", **{"dim": 5, "batch": 3, "hidden": 7, "lipschitz": 0.5, **parameters})


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("lipschitz", [0.3, 0.9])
def test_truth_is_the_determinant_of_the_jacobian(build, family, lipschitz):
    problem = block(build, family=family, lipschitz=lipschitz)
    J = torch.func.vmap(torch.func.jacrev(problem.residual))(problem.points)
    torch.testing.assert_close(problem.jacobians, J)
    torch.testing.assert_close(problem.truth, torch.linalg.det(torch.eye(5) + J).abs().log())
    norms = torch.linalg.matrix_norm(J, 2)
    assert (norms <= lipschitz + 1e-12).all()
    assert problem.spectral_radius <= lipschitz + 1e-12


@pytest.mark.parametrize("family", FAMILIES)
def test_slogdet_is_exact(build, family):
    problem = block(build, family=family)
    values = build("estimator", "slogdet").estimate(problem, torch.Generator())
    torch.testing.assert_close(values, problem.truth, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_series_converges_geometrically(build, family):
    """The error after n terms is the claimed bias, and below m ρ^{n+1}/((n + 1)(1 − ρ)) for normal J."""
    problem = block(build, family=family)
    for n in (1, 4, 12):
        estimator = build("estimator", "power_series", terms=n)
        error = estimator.estimate(problem, torch.Generator()) - problem.truth
        torch.testing.assert_close(error, truncation(problem, estimator), rtol=1e-8, atol=1e-13)
        assert (error.abs() <= 5 * 0.5 ** (n + 1) / ((n + 1) * 0.5)).all()
    assert float((build("estimator", "power_series", terms=60).estimate(problem, None) - problem.truth).norm()) < 1e-12


def test_two_terms_by_hand(build):
    problem = block(build)
    J = problem.jacobians
    expected = (J - 0.5 * J @ J).diagonal(dim1=-2, dim2=-1).sum(-1)
    torch.testing.assert_close(build("estimator", "power_series", terms=2).estimate(problem, None), expected)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("terms", [1, 3])
def test_truncated_hutchinson_has_its_bias_and_variance(build, draw, noise, terms):
    """Level 1e-6 and 6 standard errors: rate below 1e-5 over all."""
    problem = block(build)
    estimator = build("estimator", "power_series", terms=terms, trace=noise, probes=2)
    values, _ = draw(estimator, problem, 8000)
    moments = Moments(values, problem.truth + truncation(problem, estimator))
    assert unbiasedness_p_value(moments, 1e-12) > 1e-6
    squares = (values - values.mean(0)).square()
    assert ((squares.mean(0) - variance(problem, estimator)).abs() <= 6 * squares.std(0) / 8000**0.5).all()


@dataclass(frozen=True)
class NotReweighted(RussianRoulette):
    """A random length without the weights 1/P(N ≥ k): a truncated series in the mean."""

    def draws_with_error(self, problem, n, generator):
        heavy = RussianRoulette(self.probes, self.noise, self.sure, self.stop)
        object.__setattr__(heavy, "reaches", lambda k: 1.0)
        return heavy.draws_with_error(problem, n, generator)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("sure", [1, 3])
def test_roulette_is_unbiased_with_the_claimed_variance(build, draw, family, noise, sure):
    """Level 1e-6 and 6 standard errors: rate below 1e-5 over all."""
    problem = block(build, family=family)
    estimator = build("estimator", "russian_roulette", probes=2, noise=noise, sure=sure)
    assert finite_variance(problem, estimator)
    values, _ = draw(estimator, problem, 20_000)
    assert unbiasedness_p_value(Moments(values, problem.truth), 1e-12) > 1e-6
    squares = (values - values.mean(0)).square()
    expected = roulette_variance(problem, estimator)
    assert ((squares.mean(0) - expected).abs() <= 6 * squares.std(0) / 20_000**0.5).all()


def test_roulette_without_weights_is_found_out(build, draw):
    problem = block(build, family="symmetric", lipschitz=0.7)
    values, _ = draw(NotReweighted(probes=2, sure=1), problem, 20_000)
    assert unbiasedness_p_value(Moments(values, problem.truth), 1e-12) < 1e-6


def test_lengths_are_geometric_and_costs_follow(build):
    """Mean VJPs per probe are sure + (1 − p)/p, within 6 standard errors of √(1 − p)/p."""
    problem = block(build)
    estimator = build("estimator", "russian_roulette", probes=4000, sure=3, stop=0.25)
    with counting() as counts:
        estimator.estimate(problem, torch.Generator().manual_seed(0))
    assert counts["vjp"] / 4000 == pytest.approx(3 + 3, abs=6 * 0.75**0.5 / 0.25 / 4000**0.5)
    assert counts["evaluation"] == 1
    assert [estimator.reaches(k) for k in (1, 3, 4, 6)] == [1, 1, 0.75, 0.75**3]


def test_the_variance_is_infinite_where_the_roulette_stops_too_often(build):
    """ρ² = 0.81 > 1 − p = ½: the terms of the second moment grow. No claim is made, and with p = 0.1 one is."""
    problem = block(build, family="symmetric", lipschitz=0.9)
    assert not finite_variance(problem, build("estimator", "russian_roulette", stop=0.5))
    assert finite_variance(problem, build("estimator", "russian_roulette", stop=0.05))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("power_series", {"trace": "rademacher", "probes": 8}), ("russian_roulette", {"probes": 8})],
)
def test_the_standard_error_is_that_of_the_probes(build, draw, name, parameters):
    """E[error²] is the variance; a fifth is more than 5 standard errors here."""
    problem = block(build)
    values, errors = draw(build("estimator", name, **parameters), problem, 10_000)
    assert float((errors.square().mean(0) / values.var(0)).log().abs().max()) < 0.2
    single = build("estimator", name, **{**parameters, "probes": 1})
    assert single.estimate_with_error(problem, torch.Generator().manual_seed(0))[1].isnan().all()


@pytest.mark.parametrize(
    ("name", "parameters", "vjps"),
    [
        ("slogdet", {}, 5),
        ("power_series", {"terms": 4}, 20),
        ("power_series", {"terms": 4, "trace": "gaussian", "probes": 3}, 12),
    ],
)
def test_costs(build, name, parameters, vjps):
    with counting() as counts:
        build("estimator", name, **parameters).estimate(block(build), torch.Generator().manual_seed(0))
    assert (counts["vjp"], counts["evaluation"], counts["determinant"]) == (vjps, 1, int(name == "slogdet"))


def test_float32_is_close(build):
    problem = block(build, dim=16).at("cpu", "float32")
    for name, parameters in (("slogdet", {}), ("power_series", {"terms": 40})):
        values = build("estimator", name, **parameters).estimate(problem, torch.Generator())
        assert values.dtype == torch.float32
        assert math.sqrt(float((values - problem.truth).square().sum())) < 1e-4


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("power_series", {"probes": 3}, "probes go with a noise"),
        ("power_series", {"trace": "gaussian"}, "probes go with a noise"),
    ],
)
def test_parameters_that_do_not_go_together(host, name, parameters, message):
    with pytest.raises(ParameterError, match=message):
        make(host, "estimator", name, parameters)


def test_half_precision_has_its_determinants_from_single_precision():
    M = torch.tensor([[2.0, 0.0], [1.0, -4.0]])
    assert log_abs_det(M.bfloat16()).dtype == torch.bfloat16
    assert float(log_abs_det(M.bfloat16())) == pytest.approx(math.log(8), rel=1e-2)
