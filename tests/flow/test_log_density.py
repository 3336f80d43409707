"""Log-densities under flows: truths against independent computations, estimators against their closed forms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch

from estibench import Variance, counting
from estibench.host.components import ParameterError, make
from estibench.measure.statistics import Moments, unbiasedness_p_value
from estibench_flow import cnf_theory
from estibench_flow.cnf import Cnf
from estibench_flow.flow import standard_normal
from estibench_flow.solvers import Scheme, integrate
from estibench_flow.traces import HutchinsonTrace

MIXTURE = {"name": "gaussian_mixture", "layout": "random", "spread": 1.5}
SMALL = {"dim": 3, "batch": 4}
PROBLEMS = [
    ("linear_flow", {**SMALL}),
    ("linear_flow", {**SMALL, "family": "decay", "speed": "periodic", "time": 0.5}),
    ("planar_flow", {**SMALL, "time": 0.7}),
    ("radial_flow", {**SMALL, "alpha": 0.5}),
    ("mlp_flow", {**SMALL, "hidden": 8}),
    ("probability_flow", {**SMALL, "density": MIXTURE}),
    ("probability_flow", {**SMALL, "density": MIXTURE, "process": "ve"}),
    ("probability_flow", {**SMALL, "density": {"name": "gaussian", "covariance": "full"}, "time": 0.4}),
]
NOISES = ["rademacher", "gaussian"]


def cnf(build, **parameters):
    return build("estimator", "cnf", **parameters)


def estimate(build, problem, **parameters):
    return cnf(build, **parameters).estimate(problem, torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("name", "parameters"), PROBLEMS)
def test_truth_is_the_change_of_variables_of_the_whole_flow(build, name, parameters):
    """log p_T(z(T)) + log|det ∂z(T)/∂x|, the Jacobian by central differences: no derivative of the field is used."""
    problem = build("problem", name, **parameters)
    h, unit = 1e-4, torch.eye(3, dtype=torch.float64)
    x = torch.stack([problem.points + sign * h * e for e in unit for sign in (1, -1)])  # (2m, batch, m)
    z = integrate(problem.dynamics, torch.cat([problem.points[None], x]), 0.0, problem.time, Scheme("dopri8", 1, 1e-12))
    J = ((z[1::2] - z[2::2]) / (2 * h)).permute(1, 2, 0)
    expected = problem.log_prior(z[0]) + torch.linalg.slogdet(J).logabsdet
    torch.testing.assert_close(problem.truth, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("name", "parameters"), PROBLEMS)
def test_an_exact_trace_and_a_tight_tolerance_reach_the_truth(build, name, parameters):
    problem = build("problem", name, **parameters)
    values = estimate(build, problem, solver="dopri8", tolerance=1e-11)
    torch.testing.assert_close(values, problem.truth, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("midpoint", 2), ("heun", 2), ("rk4", 4)])
def test_errors_fall_with_the_order_of_the_solver(build, solver, order):
    problem = build("problem", "mlp_flow", **SMALL, hidden=8)
    coarse, fine = ((estimate(build, problem, solver=solver, steps=n) - problem.truth).norm() for n in (32, 64))
    assert math.log2(coarse / fine) == pytest.approx(order, abs=0.3)


def test_euler_steps_of_a_linear_flow_by_hand(build):
    """Bias in closed form: (I + hA)^n instead of e^{TA}, and the trace exactly."""
    problem = build("problem", "linear_flow", **SMALL)
    step = torch.eye(3, dtype=torch.float64) + problem.time / 5 * problem._A
    end = problem.points @ torch.linalg.matrix_power(step, 5).T
    expected = standard_normal(end) + problem.time * problem._A.trace()
    torch.testing.assert_close(estimate(build, problem, solver="euler", steps=5), expected)


@dataclass(frozen=True)
class WrongSign(Cnf):
    """log p_T − ∫ tr J: what a slip in the direction of time gives."""

    def values(self, flow, x, n, generator):
        right = super().values(flow, x, n, generator)
        end = integrate(flow.dynamics, x, 0.0, flow.time, self.scheme)
        return 2 * flow.log_prior(end) - right


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("redraw", [False, True])
@pytest.mark.parametrize(("name", "parameters"), [PROBLEMS[0], PROBLEMS[4]])
def test_hutchinson_has_the_mean_of_the_exact_trace(build, draw, name, parameters, redraw, noise):
    """Eight tests at level 1e-6 (seed fixed); a wrong sign is found by the same test."""
    problem = build("problem", name, **parameters)
    options = {"solver": "rk4", "steps": 4, "trace": noise, "probes": 2, "redraw": redraw}
    estimator = cnf(build, **options)
    exact = problem.truth + cnf_theory.solver_bias(problem, estimator)

    def p_value(estimator, draws):
        return unbiasedness_p_value(Moments(draw(estimator, problem, draws)[0], exact), 1e-10)

    assert p_value(estimator, 4000) > 1e-6
    assert p_value(WrongSign(**options), 500) < 1e-6


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("solver", ["euler", "midpoint", "heun", "rk4"])
@pytest.mark.parametrize(
    ("name", "parameters", "redraw"),
    [
        ("linear_flow", {**SMALL, "time": 0.5}, False),
        ("linear_flow", {**SMALL, "time": 0.5}, True),
        ("linear_flow", {**SMALL, "speed": "periodic"}, True),
        ("mlp_flow", {**SMALL, "hidden": 8}, False),
    ],
)
def test_variance_is_that_of_the_integrated_jacobian(build, draw, name, parameters, redraw, solver, noise):
    """Each point within 6 standard errors: rate below 1e-6 over all. Without 1/k, T or the symmetric part it fails."""
    problem = build("problem", name, **parameters)
    estimator = cnf(build, solver=solver, steps=3, trace=noise, probes=3, redraw=redraw)
    values, _ = draw(estimator, problem, 4000)
    squares = (values - values.mean(0)).square()
    expected = variance(problem, estimator)
    assert ((squares.mean(0) - expected).abs() <= 6 * squares.std(0) / 4000**0.5).all()
    if redraw:
        assert (expected < 0.5 * variance(problem, cnf_fixed(estimator))).all()


def variance(problem, estimator):
    """What it claims."""
    (claim,) = (claim for claim in estimator.claims if isinstance(claim, Variance))
    return claim.formula(problem, estimator)


def cnf_fixed(estimator):
    return Cnf(estimator.solver, estimator.steps, None, estimator.trace, estimator.probes)


@pytest.mark.parametrize("noise", NOISES)
def test_variance_of_a_linear_flow_in_closed_form(build, noise):
    """2(‖S‖² [− Σ s_ii²])/k with S = T sym A, against which the general formula is checked."""
    problem = build("problem", "linear_flow", **SMALL, time=0.5, speed="periodic")
    S = 0.25 * (problem._A + problem._A.T)
    size = S.square().sum() - (S.diagonal().square().sum() if noise == "rademacher" else 0)
    estimator = cnf(build, solver="rk4", steps=4, trace=noise, probes=5)
    torch.testing.assert_close(variance(problem, estimator), (2 * size / 5).expand(4))


def test_a_skew_field_has_no_noise(build, draw):
    problem = build("problem", "linear_flow", **SMALL, family="rotation")
    values, _ = draw(cnf(build, solver="rk4", steps=4, trace="gaussian", probes=1), problem, 16)
    assert float(values.std(0).max()) < 1e-12


def test_the_standard_error_is_that_of_the_probes(build, draw):
    """E[error²] is the variance; a tenth is over 5 standard errors here. Unknown for one probe, 0 without noise."""
    problem = build("problem", "mlp_flow", **SMALL, hidden=8)
    values, errors = draw(cnf(build, solver="rk4", steps=2, trace="rademacher", probes=8), problem, 6000)
    assert float((errors.square().mean(0) / values.var(0)).log().abs().max()) < 0.1
    assert draw(cnf(build, solver="rk4", steps=2, trace="rademacher", probes=1), problem, 2)[1].isnan().all()
    assert (draw(cnf(build, solver="rk4", steps=2), problem, 2)[1] == 0).all()


def test_many_draws_of_one_solve_agree_with_single_ones(build, draw):
    """Two-sample z-tests of means at 5 standard errors: rate below 1e-5."""
    problem = build("problem", "mlp_flow", **SMALL, hidden=8)
    estimator = cnf(build, solver="heun", steps=3, trace="gaussian", probes=2)
    many, _ = draw(estimator, problem, 2000)
    single = torch.cat([draw(estimator, problem, 1, seed)[0] for seed in range(150)])
    error = (many.var(0) / 2000 + single.var(0) / 150).sqrt()
    assert ((many.mean(0) - single.mean(0)).abs() < 5 * error).all()


def test_noise_redrawn_at_every_evaluation_makes_an_adaptive_solver_crawl(build):
    problem = build("problem", "linear_flow", **SMALL)

    def nfe(redraw):
        with counting() as counts:
            estimate(build, problem, solver="dopri5", tolerance=1e-3, trace="rademacher", probes=1, redraw=redraw)
        return counts["nfe"]

    assert nfe(True) > 10 * nfe(False)


def test_a_bad_point_hides_in_a_large_batch_unless_the_worst_one_steers(build):
    """The norm is a mean over the batch: the worst point's error grows with its size, that of `worst` does not."""
    density = {"name": "gaussian_mixture", "layout": "random", "spread": 3.0}
    problem = build("problem", "probability_flow", dim=2, batch=512, density=density, process="ve")

    def worst(error_norm):
        values = estimate(build, problem, solver="dopri5", tolerance=1e-3, error_norm=error_norm)
        return float((values - problem.truth).abs().max())

    assert worst("batch") > 3 * worst("worst")


def test_the_error_budget_adds_up(build):
    """Signed, the three parts are the whole error; a prior that is not p_T is seen, and nothing else changes."""
    exact, normal = (
        build("problem", "probability_flow", **SMALL, density=MIXTURE, process="ve", prior=prior)
        for prior in ("exact", "normal")
    )
    estimator = cnf(build, solver="heun", steps=8, trace="rademacher", probes=2)
    for problem in (exact, normal):
        value = estimator.estimate(problem, torch.Generator().manual_seed(0))
        noise = value - problem.noiseless(estimator)
        solver = problem.noiseless(estimator) - problem.truth - problem.prior_mismatch
        torch.testing.assert_close(noise + solver + problem.prior_mismatch, value - problem.truth)
        parts = problem.errors(value, estimator)
        assert float(parts["trace_noise"]) == pytest.approx(float(noise.abs().mean()))
        assert float(parts["solver"]) == pytest.approx(float(solver.abs().mean()))
    assert (exact.prior_mismatch == 0).all()
    assert float(normal.prior_mismatch.abs().mean()) > 1e-3
    tight = estimate(build, normal, solver="dopri8", tolerance=1e-10)
    torch.testing.assert_close(tight - normal.truth, normal.prior_mismatch, rtol=0, atol=1e-7)


@pytest.mark.parametrize("process", ["vp", "ve"])
def test_marginals_are_carried_along_by_the_probability_flow(build, process):
    """log p_0(x) = log p_t(z(t)) + ∫ tr J for every t: the field moves the laws that it is made of."""
    for time in (0.2, 0.6, 1.0):
        problem = build("problem", "probability_flow", **SMALL, density=MIXTURE, process=process, time=time)
        values = estimate(build, problem, solver="dopri8", tolerance=1e-11)
        torch.testing.assert_close(values, problem.truth, rtol=1e-8, atol=1e-8)


def test_discrete_flow_is_the_density_of_a_residual_network(build):
    """By the Jacobian of all blocks together; and it tends to the continuous flow as O(h)."""
    problem = build("problem", "mlp_flow", **SMALL, hidden=8)

    def blocks(x):
        for n in range(4):
            x = x + 0.25 * problem.dynamics(torch.tensor(0.25 * n, dtype=torch.float64), x[None])[0]
        return x

    J = torch.stack([torch.func.jacrev(blocks)(x) for x in problem.points])
    end = torch.stack([blocks(x) for x in problem.points])
    expected = standard_normal(end) + torch.linalg.slogdet(J).logabsdet

    def discrete(steps):
        return build("estimator", "discrete_flow", steps=steps).estimate(problem, torch.Generator())

    torch.testing.assert_close(discrete(4), expected)
    ratio = (discrete(64) - problem.truth).norm() / (discrete(128) - problem.truth).norm()
    assert math.log2(ratio) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("parameters", "vjps", "nfe"),
    [
        ({"solver": "rk4", "steps": 5}, 20 * 3, 20),
        ({"solver": "heun", "steps": 5, "trace": "gaussian", "probes": 7}, 10 * 7, 10),
        ({"solver": "euler", "steps": 5, "trace": "gaussian", "probes": 1, "redraw": True}, 5, 5),
    ],
)
def test_costs(build, parameters, vjps, nfe):
    problem = build("problem", "mlp_flow", **SMALL, hidden=8)
    with counting() as counts:
        estimate(build, problem, **parameters)
    assert (counts["vjp"], counts["nfe"], counts["evaluation"]) == (vjps, nfe, nfe)


def test_exact_traces_in_chunks_are_the_same(build, monkeypatch):
    problem = build("problem", "mlp_flow", dim=5, batch=4, hidden=8)
    whole = estimate(build, problem, solver="rk4", steps=2)
    monkeypatch.setattr("estibench_flow.traces.ROWS", 8)
    torch.testing.assert_close(estimate(build, problem, solver="rk4", steps=2), whole)


@pytest.mark.parametrize("noise", NOISES)
def test_probes_have_unit_covariance(noise):
    """10⁵ probes, entries within 6 standard errors (√2 / √n at most)."""
    z = torch.zeros(3, dtype=torch.float64)
    v = HutchinsonTrace.start(z, 100_000, noise, False, torch.Generator().manual_seed(0)).probes
    assert ((v.T @ v / 100_000 - torch.eye(3)).abs() < 6 * 2**0.5 / 100_000**0.5).all()


@pytest.mark.parametrize(("name", "parameters"), PROBLEMS)
def test_float32_runs_and_is_close(build, name, parameters):
    problem = build("problem", name, **parameters).at("cpu", "float32")
    values = estimate(build, problem, solver="rk4", steps=64)
    assert values.dtype == torch.float32
    torch.testing.assert_close(values.double(), problem.truth, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("kind", "name", "parameters", "message"),
    [
        ("estimator", "cnf", {"probes": 3}, "an exact trace has no probes"),
        ("estimator", "cnf", {"redraw": True}, "an exact trace has no probes"),
        ("estimator", "cnf", {"trace": "gaussian"}, "needs at least one of probes"),
        ("estimator", "cnf", {"solver": "reversible_heun"}, "is for gradients"),
        ("estimator", "cnf", {"solver": "rk4", "error_norm": "worst"}, "steers adaptive steps"),
        ("problem", "probability_flow", {"density": {"name": "gaussian"}, "time": 2.0}, "the process ends at 1"),
    ],
)
def test_parameters_that_do_not_go_together(host, kind, name, parameters, message):
    with pytest.raises(ParameterError, match=message):
        make(host, kind, name, parameters)
