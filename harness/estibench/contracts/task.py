"""The contract of a task: a kind of estimand."""

from __future__ import annotations

from dataclasses import dataclass

from estibench.contracts.own import Own
from estibench.contracts.problem import Problem


@dataclass(frozen=True)
class Task:
    """A kind of estimand with its contract.

    The metrics of a vector estimand (bias, variance, RMSE, cosine, claims) are the host's and shared by all tasks.

    Attributes:
        contract: the subclass of `Problem` whose oracles the task's estimators may call.
        baseline: name of the estimator that times are compared with when the suite names none.
        work: the cost unit by which estimators are ranked at equal work, for example `"matvec"`.
        own: how the task takes a user's own objects, for `estibench.assess` and factories under `bench_problems`.
    """

    contract: type[Problem]
    baseline: str
    work: str
    own: Own | None = None
