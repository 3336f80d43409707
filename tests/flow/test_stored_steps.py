"""Steps as torchdiffeq takes them, and the exact gradient of just those steps."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torchdiffeq import odeint

from estibench import Unsupported, counting
from estibench.measure.work import measure_work
from estibench_flow import gradients
from estibench_flow.ode_problem import joined
from estibench_flow.solvers import Scheme
from estibench_flow.stored_steps import StoredSteps
from estibench_flow.tableaus import tableau

ADAPTIVE = [
    ("mlp_ode", {"dim": 3, "batch": 4, "hidden": 8}, Scheme("dopri5", 1, 1e-6)),  # depends on time
    ("mlp_ode", {"dim": 3, "batch": 4, "hidden": 8}, Scheme("bosh3", 1, 1e-4)),
    ("linear_ode", {"dim": 3, "batch": 4, "family": "decay", "rate": 4.0}, Scheme("dopri5", 1, 1e-4)),
    ("cubic_ode", {"dim": 8, "batch": 16, "rate": 5.0}, Scheme("dopri5", 1, 1e-3)),
    ("cubic_ode", {"dim": 8, "batch": 16, "rate": 5.0}, Scheme("dopri8", 1, 1e-8)),  # rejects a step
]
FIXED = [
    ("mlp_ode", {"dim": 3, "batch": 4, "hidden": 8}, Scheme(s, 5, 1.0)) for s in ("euler", "midpoint", "heun", "rk4")
]


class Watched:
    """A field that notes the steps of torchdiffeq."""

    def __init__(self, field):
        self.field, self.accepted, self.rejected, self.evaluations = field, [], 0, 0

    def __call__(self, t, z):
        self.evaluations += 1
        return self.field(t, z)

    def callback_accept_step(self, t, z, h):
        self.accepted.append((float(t), float(h)))

    def callback_reject_step(self, t, z, h):
        self.rejected += 1


def relative(found, expected):
    return float((found - expected).norm() / expected.norm())


def cotangent_of(problem, final):
    final = final.detach().requires_grad_()
    return torch.autograd.grad(problem.loss(final), final)[0]


def along(problem, scheme, graphs=False, spoil=lambda steps: steps):
    """The gradient by hand, after the stored steps went through `spoil`."""
    theta = problem.parameters.detach().requires_grad_()
    taken = StoredSteps(problem.field(theta), problem.start, problem.time, scheme, graphs)
    taken.steps = spoil(taken.steps)
    return joined(*taken.gradient(cotangent_of(problem, taken.final), theta))


def by_autograd(problem, scheme):
    """Through the same steps, their sizes held fixed: the plain formulas, or torchdiffeq where steps are fixed."""
    start, theta = (x.detach().requires_grad_() for x in (problem.start, problem.parameters))
    final = gradients.solve(problem.dynamics(theta), start, problem.time, scheme)
    return joined(*torch.autograd.grad(problem.loss(final), (start, theta)))


@pytest.mark.parametrize(("name", "parameters", "scheme"), ADAPTIVE)
def test_adaptive_steps_are_torchdiffeqs(build, name, parameters, scheme):
    """Which are taken, which are rejected, where they end, and what they cost."""
    problem = build("problem", name, **parameters)
    theirs = Watched(problem.dynamics(problem.parameters))
    final = odeint(theirs, problem.start, **scheme.arguments(0.0, problem.time, problem.start))[-1]
    with counting() as counts, torch.no_grad():
        ours = StoredSteps(problem.field(problem.parameters), problem.start, problem.time, scheme)
    assert [step.t for step in ours.steps] == pytest.approx([t for t, _ in theirs.accepted], rel=1e-6)
    assert [step.h for step in ours.steps] == pytest.approx([h for _, h in theirs.accepted], rel=1e-6)
    assert ours.rejected == theirs.rejected
    assert (ours.rejected > 0) == (scheme.solver == "dopri8")
    assert counts["evaluation"] == theirs.evaluations
    assert relative(ours.final, final) < 1e-9


@pytest.mark.parametrize(("name", "parameters", "scheme"), [*ADAPTIVE, *FIXED])
def test_the_gradient_is_that_of_the_steps_as_taken(build, name, parameters, scheme):
    """With graphs kept and without; where a step is stored with another's start or size, it is not."""
    problem = build("problem", name, **parameters)
    expected = by_autograd(problem, scheme)
    assert relative(along(problem, scheme), expected) < 1e-13
    assert relative(along(problem, scheme, graphs=True), expected) < 1e-13
    earlier = along(
        problem,
        scheme,
        spoil=lambda steps: [steps[0], *(replace(b, z=a.z) for a, b in pairwise(steps))],
    )
    long = along(problem, scheme, spoil=lambda steps: [replace(step, h=1.1 * step.h) for step in steps])
    early = along(problem, scheme, spoil=lambda steps: [replace(step, t=step.t - step.h) for step in steps])
    assert relative(earlier, expected) > 1e-6
    assert relative(long, expected) > 1e-6
    assert (relative(early, expected) > 1e-4) == (name == "mlp_ode")  # the others do not depend on time


def test_torchdiffeq_also_differentiates_its_first_step(build):
    """Backpropagation through it is off by what the sizes of the first and of the last step owe to z(0) and θ."""
    problem, scheme = build("problem", "linear_ode", dim=8, batch=16), Scheme("dopri5", 1, 1e-3)
    start, theta = (x.detach().requires_grad_() for x in (problem.start, problem.parameters))
    final = odeint(problem.dynamics(theta), start, **scheme.arguments(0.0, problem.time, start))[-1]
    theirs = joined(*torch.autograd.grad(problem.loss(final), (start, theta)))
    assert 1e-8 < relative(theirs, along(problem, scheme)) < 0.1 * relative(theirs, problem.truth)


@pytest.mark.parametrize(("method", "backward"), [("backprop", 0), ("checkpoint", 1)])
def test_rejected_steps_cost_evaluations_forwards_only(build, method, backward):
    name, parameters, scheme = ADAPTIVE[-1]
    problem = build("problem", name, **parameters)
    taken = StoredSteps(problem.dynamics(problem.parameters), problem.start, problem.time, scheme)
    estimator = build("estimator", "solver_gradient", solver="dopri8", tolerance=scheme.tolerance, gradient=method)
    with counting() as counts:
        found = estimator.estimate(problem, torch.Generator())
    accepted = 13 * len(taken.steps)
    assert counts["nfe"] == 2 + accepted + 13 * taken.rejected
    assert (counts["nfe_backward"], counts["vjp"]) == (backward * accepted, accepted)
    with torch.no_grad():  # as the host does
        assert float(problem.errors(found, estimator)["discretised"]) < 1e-13


def test_memory_grows_by_one_state_a_step(build):
    """To the byte; with graphs kept by more than ten."""
    problem = build("problem", "mlp_ode", dim=3, batch=16, hidden=64)
    problem.prepare()
    state = problem.start.nbytes

    def peak(steps, gradient):
        estimator = build("estimator", "solver_gradient", solver="rk4", steps=steps, gradient=gradient)
        return measure_work(lambda: estimator.estimate(problem, torch.Generator()), "cpu").peak_bytes

    assert peak(24, "checkpoint") - peak(8, "checkpoint") == 16 * state
    assert peak(24, "backprop") - peak(8, "backprop") > 160 * state


def test_a_solve_that_cannot_go_on_says_so():
    def lost(t, z):
        return z.sqrt() - 1e3  # no number below 0

    with pytest.raises(Unsupported, match="a solve breaks down: underflow in dt"):
        StoredSteps(lost, torch.ones(2, 3, dtype=torch.float64), 1.0, Scheme("dopri5", 1, 1e-6))


@pytest.mark.parametrize("solver", ["bosh3", "dopri5", "dopri8"])
def test_coefficients_are_those_of_a_method_of_its_order(solver):
    """They come from torchdiffeq by a name that is not public: Σb = 1, Σ b c^k = 1/(k + 1), rows sum to c, Σê = 0."""
    method = tableau(solver)
    for c, row in zip((*method.nodes, 1.0), ((), *method.weights), strict=True):
        assert sum(row) == pytest.approx(c, abs=1e-12)
    for k in range(method.order):
        total = sum(b * c**k for b, c in zip(method.weights[-1], method.nodes, strict=True))
        assert total == pytest.approx(1 / (k + 1), abs=1e-12)
    assert sum(method.error) == pytest.approx(0, abs=1e-12)


def test_log_densities_go_along_torchdiffeqs_steps(build):
    """A flow that is trained goes through torchdiffeq, one that is read goes our way: by either norm of the error."""
    problem, evaluations = build("problem", "mlp_flow", dim=3, batch=16, hidden=8), {}
    for norm in ("batch", "worst"):
        cnf = build("estimator", "cnf", solver="dopri5", tolerance=1e-9, error_norm=norm)
        found = []
        for trained in (False, True):
            flow = replace(problem.flow, differentiable=trained)
            with counting() as counts:
                found.append(cnf.values(flow, problem.points, 1, torch.Generator()).detach())
            evaluations[norm, trained] = counts["nfe"]
        assert relative(*found) < 1e-9
        assert evaluations[norm, False] == evaluations[norm, True]
    assert evaluations["worst", False] > evaluations["batch", False]
