"""What this plugin registers. Light: names and import strings."""

from __future__ import annotations

from estibench import EstimatorEntry, ProblemEntry, TaskEntry, hookimpl

GRADIENTS = ("discrete_gradient",)


def _task(name: str, target: str, summary: str) -> TaskEntry:
    return TaskEntry(name, f"estibench_discrete.{target}", summary)


def _problem(name: str, target: str, task: str, summary: str) -> ProblemEntry:
    return ProblemEntry(name, f"estibench_discrete.{target}", summary, task)


def _estimator(name: str, target: str, tasks: tuple[str, ...], summary: str) -> EstimatorEntry:
    return EstimatorEntry(name, f"estibench_discrete.{target}", summary, tasks)


@hookimpl
def bench_tasks() -> list[TaskEntry]:
    return [
        _task("discrete_gradient", "tasks:GRADIENT", "gradient of an expectation over categorical variables"),
    ]


@hookimpl
def bench_problems() -> list[ProblemEntry]:
    task = "discrete_gradient"
    return [
        _problem("bernoulli_quadratic", "bernoulli_quadratic:BernoulliQuadratic", task, "E (b − t)² of one coin"),
        _problem("categorical", "categorical:Categorical", task, "one variable under an objective of known degree"),
        _problem("product", "categorical:Product", task, "several variables, all states summed"),
        _problem("separable_quadratic", "separable_quadratic:SeparableQuadratic", task, "200 variables, closed form"),
    ]


@hookimpl
def bench_estimators() -> list[EstimatorEntry]:
    return [
        _estimator("enumeration", "enumeration:Enumeration", GRADIENTS, "the exact gradient, over all states"),
        _estimator("reinforce", "reinforce:Reinforce", GRADIENTS, "score function, with or without a baseline"),
        _estimator("straight_through", "straight_through:StraightThrough", GRADIENTS, "∇f at a sample, as if at p"),
        _estimator("reinmax", "reinmax:ReinMax", GRADIENTS, "straight-through of second order"),
        _estimator("gumbel_softmax", "gumbel_softmax:GumbelSoftmax", GRADIENTS, "relaxed samples; hard or not"),
        _estimator("gumbel_rao", "gumbel_rao:GumbelRao", GRADIENTS, "straight-through Gumbel, averaged"),
        _estimator("rebar", "rebar:Rebar", GRADIENTS, "score function with a relaxed control variate"),
        _estimator("relax", "relax:Relax", GRADIENTS, "score function with a learnt control variate"),
        _estimator("arm", "arm:Arm", GRADIENTS, "antithetic pairs for binary variables: ARM and DisARM"),
    ]
