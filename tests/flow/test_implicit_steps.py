"""Implicit steps: stability functions, exact gradients, what they cost, and where explicit steps explode."""

from __future__ import annotations

import math

import pytest
import torch

from estibench import Bias, Cost, Unsupported, counting
from estibench.host.components import ParameterError
from estibench_flow import implicit_steps
from estibench_flow.ode_problem import joined
from estibench_flow.solvers import IMPLICIT, Scheme
from estibench_flow.stability import R, linear_bias, polynomial

SOLVERS = tuple(IMPLICIT)
NETWORK = ("mlp_ode", {"dim": 3, "batch": 4, "hidden": 8})  # depends on time
CUBIC = ("cubic_ode", {"dim": 3, "batch": 4, "rate": 10.0})
LINEAR = ("linear_ode", {"dim": 3, "batch": 4})
STIFF = ("linear_ode", {"dim": 4, "batch": 4, "family": "stiff", "rate": 100.0})


def gradient(build, problem, **parameters):
    gradient = "implicit" if parameters["solver"] in SOLVERS else "backprop"
    estimator = build("estimator", "solver_gradient", **{"gradient": gradient, **parameters})
    return estimator.estimate(problem, torch.Generator())


def relative(found, expected):
    return float((found - expected).norm() / expected.norm())


def by_differences(problem, solver, u, v, h=1e-5):
    """The slope of the loss of the steps along (u, v), by central differences."""

    def loss(start, theta):
        return problem.loss(
            implicit_steps.forward(problem.dynamics(theta), start, problem.time, Scheme(solver, 5, 1.0))[0]
        )

    start, theta = problem.start, problem.parameters
    return float(loss(start + h * u, theta + h * v) - loss(start - h * u, theta - h * v)) / (2 * h)


@pytest.mark.parametrize(
    ("solver", "factor"),
    [("backward_euler", lambda z: 1 / (1 - z)), ("implicit_midpoint", lambda z: (1 + z / 2) / (1 - z / 2))],
)
@pytest.mark.parametrize("z", [-300.0, -2.0, -0.1, 0.5])
def test_one_step_on_a_linear_field_is_the_stability_function(solver, factor, z):
    start = torch.tensor([[1.0], [-2.0]], dtype=torch.float64)
    with torch.enable_grad():
        end, _, iterations = implicit_steps.forward(lambda t, y: z * y, start, 1.0, Scheme(solver, 1, 1.0))
    torch.testing.assert_close(end, factor(z) * start, rtol=1e-12, atol=0)
    assert iterations == 2
    P, Q = (polynomial(one, torch.tensor([[z]], dtype=torch.float64)) for one in R[solver])
    assert float(P / Q) == pytest.approx(factor(z), rel=1e-14)


@pytest.mark.parametrize("solver", [*R])
@pytest.mark.parametrize(("name", "parameters"), [LINEAR, STIFF])
def test_gradients_on_linear_fields_are_those_of_the_stability_function(build, name, parameters, solver):
    """The claim, for explicit steps too; where they explode they claim nothing, and keep their digits all the same."""
    problem = build("problem", name, **parameters)
    method = "implicit" if solver in SOLVERS else "backprop"
    estimator = build("estimator", "solver_gradient", solver=solver, steps=5, gradient=method)
    claims = [one for one in estimator.claims if isinstance(one, Bias) and one.applies(problem, estimator)]
    assert bool(claims) == (method == "implicit" or problem.family != "stiff")
    expected = problem.truth + linear_bias(problem, estimator)
    assert relative(gradient(build, problem, solver=solver, steps=5), expected) < 1e-9
    other = build("estimator", "solver_gradient", solver=solver, steps=6, gradient=estimator.gradient)
    assert relative(problem.truth + linear_bias(problem, other), expected) > 1e-7


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(("name", "parameters"), [NETWORK, CUBIC])
def test_the_gradient_is_that_of_the_steps(build, monkeypatch, name, parameters, solver):
    """By differences of the loss, and by autograd through the same steps. Without the solve backwards, it is not."""
    problem = build("problem", name, **parameters)
    found = gradient(build, problem, solver=solver, steps=5)
    generator = torch.Generator().manual_seed(3)
    for _ in range(2):
        u, v = (
            torch.randn(x.shape, generator=generator, dtype=torch.float64) for x in (problem.start, problem.parameters)
        )
        assert float(found @ joined(u, v)) == pytest.approx(by_differences(problem, solver, u, v), rel=1e-6, abs=1e-8)
    estimator = build("estimator", "solver_gradient", solver=solver, steps=5, gradient="implicit")
    with torch.no_grad():  # as the host does
        assert float(problem.errors(found, estimator)["discretised"]) < 1e-13

    backward = implicit_steps.backward

    def without_its_solve(*arguments):
        with monkeypatch.context() as inner:
            inner.setattr(implicit_steps, "_solve", lambda M, b: b)
            return backward(*arguments)

    monkeypatch.setattr(implicit_steps, "backward", without_its_solve)
    assert relative(gradient(build, problem, solver=solver, steps=5), found) > 0.01


@pytest.mark.parametrize(("solver", "order"), [("backward_euler", 1), ("implicit_midpoint", 2)])
def test_errors_fall_with_the_order(build, solver, order):
    problem = build("problem", *NETWORK[:1], **NETWORK[1])
    coarse, fine = (relative(gradient(build, problem, solver=solver, steps=n), problem.truth) for n in (32, 64))
    assert math.log2(coarse / fine) == pytest.approx(order, abs=0.25)


def test_where_explicit_steps_explode_implicit_ones_do_not(build):
    """Sixteen steps, hλ from −6 to −0.006: errors of 0.03 at most, where explicit ones are off by 10^20 and more.

    What grows past all numbers says so.
    """
    problem = build("problem", STIFF[0], **STIFF[1])
    assert relative(gradient(build, problem, solver="backward_euler", steps=16), problem.truth) < 0.03
    assert relative(gradient(build, problem, solver="implicit_midpoint", steps=16), problem.truth) < 0.002
    for solver in ("euler", "midpoint", "rk4"):
        assert relative(gradient(build, problem, solver=solver, steps=16), problem.truth) > 1e20
    faster = build("problem", STIFF[0], **{**STIFF[1], "rate": 1e4})
    with pytest.raises(Unsupported, match="a solve by rk4 diverges: the gradient is not finite, or too large"):
        gradient(build, faster, solver="rk4", steps=16)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(("name", "parameters"), [LINEAR, CUBIC])
def test_costs(build, name, parameters, solver):
    """On a linear field two iterations a step; a nonlinear one takes more."""
    problem = build("problem", name, **parameters)
    estimator = build("estimator", "solver_gradient", solver=solver, steps=6, gradient="implicit")
    with counting() as counts:
        estimator.estimate(problem, torch.Generator())
    claims = [one for one in estimator.claims if isinstance(one, Cost) and one.applies(problem, estimator)]
    assert {one.unit: one.formula(problem, estimator) for one in claims} == {
        one: counts[one] for one in ("nfe", "nfe_backward", "vjp")
    }
    assert counts["nfe_backward"] == 6
    assert (counts["nfe"] == 12) == (name == "linear_ode")
    assert counts["vjp"] == 3 * counts["nfe"] + 4 * 6


def test_an_equation_that_is_not_solved_says_so():
    def kinked(t, z):
        return 10 * (z.abs() + 1e-3).sqrt() * z.sign()

    with pytest.raises(Unsupported, match="does not solve an implicit step in 20 iterations: take more steps"):
        implicit_steps.forward(kinked, torch.full((1, 1), -0.1), 4.0, Scheme("backward_euler", 1, 1.0))


@pytest.mark.parametrize("parameters", [{"solver": "backward_euler"}, {"solver": "rk4", "gradient": "implicit"}])
def test_implicit_gradients_are_for_implicit_steps(build, parameters):
    with pytest.raises(ParameterError, match="backward_euler and implicit_midpoint are differentiated by implicit"):
        build("estimator", "solver_gradient", **parameters)
