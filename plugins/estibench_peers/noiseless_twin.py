"""What a log-density with an estimated trace is measured against: the same solver with an exact one."""

from __future__ import annotations

from torch import Tensor

from estibench_flow import FlowProblem, HasNoiselessTwin


def twin_bias(problem: FlowProblem, estimator: HasNoiselessTwin) -> Tensor:
    """What the estimator's noiseless twin is off by, (batch,), float64."""
    exact = problem.at("cpu", "float64")
    return exact.noiseless(estimator) - problem.truth
