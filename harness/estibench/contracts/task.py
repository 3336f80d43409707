"""The contract of a task: a kind of estimand."""

from __future__ import annotations

from dataclasses import dataclass

from estibench.contracts.problem import Problem


@dataclass(frozen=True)
class Task:
    """A kind of estimand with its contract.

    The metrics of a vector estimand (bias, variance, RMSE, cosine, claims) are the host's and shared by all tasks.

    Attributes:
        contract: the subclass of `Problem` whose oracles the task's estimators may call.
        baseline: name of the estimator that times are compared with when the suite names none.
        work: the cost unit by which estimators are ranked at equal work, for example `"matvec"`.
        docs: the page that explains the task, for `bench show`.
        example: the module of an estimator called `Example` that serves the task, in public names alone:
            `"estibench_trace.examples.probe"`. `bench plugin new --task` begins with it.
        own: the import string of an `Own`, how the task takes a user's own objects, for `estibench.assess` and for
            functions under `bench_problems`: `"estibench_trace.own_divergence:OWN"`.
    """

    contract: type[Problem]
    baseline: str
    work: str
    docs: str = ""
    example: str = ""
    own: str = ""
