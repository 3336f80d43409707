"""What `solver_gradient` claims to spend: evaluations and products, with fixed steps and along adaptive ones."""

from __future__ import annotations

from typing import Any

from estibench import Cost
from estibench_flow import implicit_steps
from estibench_flow.ode_problem import OdeProblem
from estibench_flow.solvers import REVERSIBLE
from estibench_flow.stored_steps import StoredSteps
from estibench_flow.tableaus import tableau


def forward_evaluations(problem: OdeProblem, estimator: Any) -> int:
    """s · steps; reversible methods also evaluate the start."""
    return estimator.scheme.evaluations + (estimator.solver in REVERSIBLE)


def backward_evaluations(problem: OdeProblem, estimator: Any) -> int:
    """None by backpropagation, else as many as forwards."""
    return 0 if estimator.gradient == "backprop" else forward_evaluations(problem, estimator)


def implicit_forward(problem: OdeProblem, estimator: Any) -> int:
    """One for an iteration."""
    field = problem.dynamics(problem.parameters)
    return implicit_steps.forward(field, problem.start, problem.time, estimator.scheme)[2]


def implicit_backward(problem: OdeProblem, estimator: Any) -> int:
    """One a step."""
    return int(estimator.scheme.steps)


def implicit_products(problem: OdeProblem, estimator: Any) -> int:
    """dim for an iteration; dim and one more for a step backwards."""
    iterations, steps = implicit_forward(problem, estimator), implicit_backward(problem, estimator)
    return problem.dim * iterations + (problem.dim + 1) * steps


def _taken(problem: OdeProblem, estimator: Any) -> tuple[int, int, int]:
    """Stages, accepted and rejected steps of an adaptive solve."""
    solve = StoredSteps(problem.dynamics(problem.parameters), problem.start, problem.time, estimator.scheme)
    return len(tableau(estimator.solver).nodes), len(solve.steps), solve.rejected


def adaptive_forward(problem: OdeProblem, estimator: Any) -> int:
    """s for a step, rejected ones included; one for the first slope, one for the first size."""
    stages, accepted, rejected = _taken(problem, estimator)
    return 2 + stages * (accepted + rejected)


def adaptive_products(problem: OdeProblem, estimator: Any) -> int:
    """s for an accepted step."""
    stages, accepted, _ = _taken(problem, estimator)
    return stages * accepted


def adaptive_backward(problem: OdeProblem, estimator: Any) -> int:
    """None by backpropagation, else s for an accepted step."""
    return 0 if estimator.gradient == "backprop" else adaptive_products(problem, estimator)


def _explicit(problem: Any, estimator: Any) -> bool:
    return bool(estimator.scheme.fixed and not estimator.scheme.implicit)


def _implicit(problem: Any, estimator: Any) -> bool:
    return bool(estimator.scheme.implicit)


def _along_steps(problem: Any, estimator: Any) -> bool:
    """Along the accepted steps of an adaptive solve."""
    return not estimator.scheme.fixed and estimator.gradient in ("backprop", "checkpoint")


EXPLICIT = "steps are fixed and explicit"
ALONG = "steps are adaptive, and the gradient goes back along them"
SOLVED = "a step is the solution of an equation"
COSTS = (
    Cost("nfe", forward_evaluations, "stages · steps", when=_explicit, given=EXPLICIT),
    Cost("nfe_backward", backward_evaluations, "as forwards, or 0", when=_explicit, given=EXPLICIT),
    Cost("vjp", forward_evaluations, "stages · steps", when=_explicit, given=EXPLICIT),
    Cost("nfe", adaptive_forward, "stages · tried steps + 2", when=_along_steps, given=ALONG),
    Cost("nfe_backward", adaptive_backward, "stages · accepted steps, or 0", when=_along_steps, given=ALONG),
    Cost("vjp", adaptive_products, "stages · accepted steps", when=_along_steps, given=ALONG),
    Cost("nfe", implicit_forward, "iterations", when=_implicit, given=SOLVED),
    Cost("nfe_backward", implicit_backward, "steps", when=_implicit, given=SOLVED),
    Cost("vjp", implicit_products, "dim · iterations + (dim + 1) · steps", when=_implicit, given=SOLVED),
)
