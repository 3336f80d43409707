"""What this plugin registers. Light: names and import strings."""

from __future__ import annotations

from estibench import EstimatorEntry, ProblemEntry, TaskEntry, hookimpl


@hookimpl
def bench_tasks() -> list[TaskEntry]:
    return [
        TaskEntry("ode_gradient", "estibench_flow.tasks:ODE_GRADIENT", "gradient of a loss through an ODE solver"),
    ]


@hookimpl
def bench_problems() -> list[ProblemEntry]:
    return [
        ProblemEntry("linear_ode", "estibench_flow.linear_ode:LinearOde", "z' = Az: closed form", "ode_gradient"),
        ProblemEntry("mlp_ode", "estibench_flow.mlp_ode:MlpOde", "a neural ODE, float64 reference", "ode_gradient"),
        ProblemEntry(
            "cubic_ode", "estibench_flow.cubic_ode:CubicOde", "z' = λ(θz − z³): breaks the adjoint", "ode_gradient"
        ),
    ]


@hookimpl
def bench_estimators() -> list[EstimatorEntry]:
    return [
        EstimatorEntry(
            "solver_gradient",
            "estibench_flow.solver_gradient:SolverGradient",
            "solver × backprop, checkpoint, adjoint or reversible",
            ("ode_gradient",),
        ),
    ]
