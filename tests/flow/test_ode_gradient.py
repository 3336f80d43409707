"""Gradients through solvers: truths against closed forms, each method against what theory says of it."""

from __future__ import annotations

import math

import pytest
import torch
from torchdiffeq import odeint, odeint_adjoint

from estibench import Unsupported, counting
from estibench.host.components import ParameterError, make
from estibench.measure.work import measure_work
from estibench_flow import asynchronous_leapfrog
from estibench_flow.ode_problem import joined
from estibench_flow.solvers import REVERSIBLE, Scheme, integrate

FIXED = {"euler": 1, "midpoint": 2, "heun": 2, "rk4": 4}
PROBLEMS = [
    ("linear_ode", {"dim": 3, "batch": 4}),
    ("linear_ode", {"dim": 3, "batch": 4, "family": "rotation", "time": 2.0}),
    ("linear_ode", {"dim": 3, "batch": 4, "family": "decay", "rate": 2.0}),
    ("mlp_ode", {"dim": 3, "batch": 4, "hidden": 8}),
    ("cubic_ode", {"dim": 3, "batch": 4, "rate": 2.0}),
]


def gradient(build, problem, **parameters):
    return build("estimator", "solver_gradient", **parameters).estimate(problem, torch.Generator())


def relative(found, expected):
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize(("name", "parameters"), PROBLEMS)
def test_truth_is_the_derivative_of_the_exact_solution(build, name, parameters):
    """By central differences of the loss at a tight solution: a sign, a transpose or a missing 1/batch would show."""
    problem = build("problem", name, **parameters)

    def loss(start, theta):
        return problem.loss(integrate(problem.dynamics(theta), start, 0.0, problem.time, Scheme("dopri8", 1, 1e-12)))

    start, theta = problem.start, problem.parameters
    generator = torch.Generator().manual_seed(3)
    for _ in range(3):
        u, v = (torch.randn(x.shape, generator=generator, dtype=torch.float64) for x in (start, theta))
        h = 1e-4
        slope = (loss(start + h * u, theta + h * v) - loss(start - h * u, theta - h * v)) / (2 * h)
        assert float(problem.truth @ joined(u, v)) == pytest.approx(float(slope), rel=1e-6)


@pytest.mark.parametrize(("name", "parameters"), PROBLEMS)
@pytest.mark.parametrize("method", ["backprop", "adjoint", "adjoint_seminorm"])
def test_tight_tolerances_reach_the_truth(build, name, parameters, method):
    """For the network this also checks one reference against an independent one."""
    problem = build("problem", name, **parameters)
    assert relative(gradient(build, problem, solver="dopri8", tolerance=1e-12, gradient=method), problem.truth) < 1e-9


def test_the_magnitude_of_a_linear_ode_grows_as_what_rounding_does_to_it(build):
    """A in float32 is another A, and moves the truth by less than an eps of the magnitude, whatever its size: but of a
    rotation by 1000 by more than 32 eps of the truth's norm, which is what counts as exact."""
    sizes = {"generic": (0.1, 2.0), "rotation": (0.1, 2.0, 1000.0), "decay": (0.1, 2.0, 100.0), "stiff": (0.1, 100.0)}
    for family, rates in sizes.items():
        for rate in rates:
            problem, rounded = (build("problem", "linear_ode", dim=8, family=family, rate=rate) for _ in range(2))
            rounded.__dict__["_A"] = problem._A.float().double()  # where `cached_property` looks first
            moved = float((rounded.truth - problem.truth).norm()) / torch.finfo(torch.float32).eps
            assert moved < problem.magnitude, (family, rate)
            assert (moved > 32 * problem.truth.norm()) == (rate == 1000.0), (family, rate)


def test_euler_with_step_1_is_the_residual_block_to_the_bit(build):
    problem = build("problem", "mlp_ode", dim=3, batch=4).at("cpu", "float32")
    z, theta = problem.start.clone().requires_grad_(), problem.parameters.clone().requires_grad_()
    block = z + problem.dynamics(theta)(torch.tensor(0.0), z)
    expected = joined(*torch.autograd.grad(problem.loss(block), (z, theta)))
    for method in ("backprop", "checkpoint"):
        assert torch.equal(gradient(build, problem, solver="euler", steps=1, gradient=method), expected)


@pytest.mark.parametrize(
    ("solver", "order"), [*zip(FIXED, (1, 2, 2, 4), strict=True), ("reversible_heun", 2), ("asynchronous_leapfrog", 2)]
)
def test_errors_fall_with_the_order_of_the_solver(build, solver, order):
    problem = build("problem", "mlp_ode", dim=3, batch=4, hidden=8)
    coarse, fine = (relative(gradient(build, problem, solver=solver, steps=n), problem.truth) for n in (32, 64))
    assert math.log2(coarse / fine) == pytest.approx(order, abs=0.25)


@pytest.mark.parametrize("solver", [*FIXED, *REVERSIBLE])
def test_discretise_then_optimise_is_exact_for_the_discretisation(build, solver):
    """Checkpoints and undone steps give backpropagation's gradient; the adjoint gives another one."""
    problem = build("problem", "mlp_ode", dim=3, batch=4, hidden=8)
    plain = gradient(build, problem, solver=solver, steps=8)
    other = "reversible" if solver in REVERSIBLE else "checkpoint"
    assert relative(gradient(build, problem, solver=solver, steps=8, gradient=other), plain) < 1e-14
    if solver not in REVERSIBLE:
        assert relative(gradient(build, problem, solver=solver, steps=8, gradient="adjoint"), plain) > 1e-6


def test_a_leapfrog_whose_slopes_are_pulled_back_by_half_is_found(build, monkeypatch):
    """The broken twin of MALI: without the factor 2 of v′ = 2u − v."""
    problem = build("problem", "mlp_ode", dim=3, batch=4, hidden=8)
    pulled = asynchronous_leapfrog._pulled

    def half(field, t, y, theta, cotangent):
        return pulled(field, t, y, theta, cotangent / 2)

    plain = gradient(build, problem, solver="asynchronous_leapfrog", steps=8)
    monkeypatch.setattr(asynchronous_leapfrog, "_pulled", half)
    broken = gradient(build, problem, solver="asynchronous_leapfrog", steps=8, gradient="reversible")
    assert relative(broken, plain) > 0.01


@pytest.mark.parametrize(("solver", "seminorm"), [("rk4", False), ("dopri5", False), ("dopri5", True)])
def test_the_adjoint_is_torchdiffeqs(build, solver, seminorm):
    """The same numbers and the same evaluations as `odeint_adjoint`.

    On a field without time: with it, torchdiffeq 0.2.5 also solves for ∂L/∂t, and lets its error choose the steps.
    """
    problem = build("problem", "linear_ode", dim=3, batch=4)
    method = "adjoint_seminorm" if seminorm else "adjoint"
    budget = {"steps": 8} if solver == "rk4" else {"tolerance": 1e-4}
    with counting() as counts:
        ours = gradient(build, problem, solver=solver, gradient=method, **budget)
    z, theta = problem.start.clone().requires_grad_(), problem.parameters.clone().requires_grad_()
    calls = 0

    def field(t, z):
        nonlocal calls
        calls += 1
        return problem.dynamics(theta)(t, z)

    t = torch.tensor([0.0, problem.time], dtype=torch.float64)
    if solver == "rk4":
        options = {"method": "rk4", "options": {"step_size": problem.time / 8}}
    else:
        backwards = {"step_t": t[:1]} | ({"norm": "seminorm"} if seminorm else {})
        options = {"method": "dopri5", "options": {"step_t": t[1:]}, "rtol": 1e-4, "atol": 1e-4}
        options |= {"adjoint_options": backwards}
    final = odeint_adjoint(field, z, t, adjoint_params=(theta,), **options)[-1]
    theirs = joined(*torch.autograd.grad(problem.loss(final), (z, theta)))
    assert relative(ours, theirs) < 1e-12
    assert counts["evaluation"] == calls


@pytest.mark.parametrize(
    ("parameters", "nfe", "backward"),
    [
        *[({"solver": solver, "steps": 6}, 6 * s, 0) for solver, s in FIXED.items()],
        *[({"solver": solver, "steps": 6, "gradient": "checkpoint"}, 6 * s, 6 * s) for solver, s in FIXED.items()],
        *[({"solver": solver, "steps": 6, "gradient": "adjoint"}, 6 * s, 6 * s) for solver, s in FIXED.items()],
        *[({"solver": solver, "steps": 6}, 7, 0) for solver in REVERSIBLE],
        *[({"solver": solver, "steps": 6, "gradient": "reversible"}, 7, 7) for solver in REVERSIBLE],
    ],
)
def test_costs_are_counted_in_the_field(build, parameters, nfe, backward):
    problem = build("problem", "linear_ode", dim=3, batch=2)
    with counting() as counts:
        gradient(build, problem, **parameters)
    assert (counts["nfe"], counts["nfe_backward"], counts["vjp"]) == (nfe, backward, nfe)
    assert counts["evaluation"] == nfe + backward


def test_memory_of_backprop_grows_with_steps_and_that_of_the_adjoint_does_not(build):
    problem = build("problem", "mlp_ode", dim=3, batch=16, hidden=64)
    problem.prepare()

    def peak(steps, **parameters):
        estimator = build("estimator", "solver_gradient", steps=steps, **parameters)
        return measure_work(lambda: estimator.estimate(problem, torch.Generator()), "cpu").peak_bytes

    stored = peak(24, solver="rk4")
    assert stored > 3 * peak(6, solver="rk4")
    assert peak(24, solver="rk4", gradient="adjoint") < 1.01 * peak(6, solver="rk4", gradient="adjoint")
    for solver in REVERSIBLE:
        assert peak(24, solver=solver, gradient="reversible") == peak(6, solver=solver, gradient="reversible")
    assert peak(24, solver="rk4", gradient="checkpoint") < 0.25 * stored


def test_the_seminorm_saves_evaluations_where_the_integral_for_the_parameters_is_the_hardest(build):
    """z' = Az with strong growth of the integrand; nothing is saved by a seminorm on a field that forgets its start."""

    def backwards(problem, method):
        with counting() as counts:
            gradient(build, problem, solver="dopri5", tolerance=1e-6, gradient=method)
        return counts["nfe_backward"]

    saves = build("problem", "linear_ode", dim=8, batch=16)
    vanishes = build("problem", "mlp_ode", dim=4, batch=16)
    assert backwards(saves, "adjoint_seminorm") < 0.9 * backwards(saves, "adjoint")
    assert backwards(vanishes, "adjoint_seminorm") == backwards(vanishes, "adjoint")


def test_the_adjoint_breaks_where_the_field_cannot_be_reversed(build):
    """λ = 10: e^{2λ} = 5·10⁸. Backprop keeps its accuracy; the adjoint is lost or says why it stops."""
    problem = build("problem", "cubic_ode", rate=10.0)
    assert relative(gradient(build, problem, solver="dopri5", tolerance=1e-6), problem.truth) < 1e-4
    with pytest.raises(Unsupported, match="a solve of the adjoint breaks down"):
        gradient(build, problem, solver="dopri5", tolerance=1e-6, gradient="adjoint")
    with pytest.raises(Unsupported, match="a solve by rk4 diverges"):
        gradient(build, problem, solver="rk4", steps=16, gradient="adjoint")
    problem = build("problem", "cubic_ode", rate=5.0)
    assert relative(gradient(build, problem, solver="rk4", steps=8), problem.truth) < 0.01
    assert relative(gradient(build, problem, solver="rk4", steps=8, gradient="adjoint"), problem.truth) > 1e6


def test_without_step_t_dopri8_ends_with_an_interpolant_of_low_order(build):
    """Why `Scheme.arguments` sets it: at one tolerance the end is a hundred times worse without."""
    problem = build("problem", "linear_ode", dim=4, batch=4)
    field, t = problem.dynamics(problem.parameters), torch.tensor([0.0, 1.0], dtype=torch.float64)
    exact = problem.start @ torch.matrix_exp(problem._A).T
    tight = {"method": "dopri8", "rtol": 1e-10, "atol": 1e-10}
    without = odeint(field, problem.start, t, **tight)[-1]
    within = odeint(field, problem.start, t, **tight, options={"step_t": t[1:]})[-1]
    assert (without - exact).abs().max() > 100 * (within - exact).abs().max()


def test_error_discretised_is_the_distance_to_the_gradient_of_the_discretisation(build):
    problem = build("problem", "mlp_ode", dim=3, batch=4, hidden=8)

    def discretised(estimate, **parameters):
        with torch.no_grad():  # as the host does
            return float(problem.errors(estimate, build("estimator", "solver_gradient", **parameters))["discretised"])

    coarse = gradient(build, problem, solver="euler", steps=4)
    assert discretised(coarse, solver="euler", steps=4) < 1e-15
    assert discretised(2 * coarse, solver="euler", steps=4, gradient="adjoint") == pytest.approx(1)
    assert discretised(coarse, solver="rk4", steps=4) > 0.01


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"solver": "euler", "tolerance": 1e-3}, "euler takes steps, not a tolerance"),
        ({"solver": "dopri5", "steps": 3}, "dopri5 takes a tolerance, not steps"),
        ({"solver": "reversible_heun", "gradient": "checkpoint"}, "differentiated by backprop or reversible"),
        ({"solver": "rk4", "gradient": "adjoint_seminorm"}, "a seminorm steers adaptive steps"),
        ({"solver": "rk4", "gradient": "reversible"}, "only reversible_heun and asynchronous_leapfrog can be undone"),
        ({"solver": "reversible_heun", "gradient": "adjoint"}, "differentiated by backprop or reversible"),
    ],
)
def test_parameters_that_do_not_go_together(host, parameters, message):
    with pytest.raises(ParameterError, match=message):
        make(host, "estimator", "solver_gradient", parameters)
