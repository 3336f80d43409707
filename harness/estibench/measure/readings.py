"""What is read off a draw beyond the estimate itself: columns `error_…` and `reading_…`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from estibench.contracts.estimator import ErrorBarEstimator
from estibench.contracts.fit import Fit, FitProblem
from estibench.contracts.problem import Problem
from estibench.contracts.samples import SampleProblem, SampleSet
from estibench.measure.contract import ContractError


def reads(problem: Any, estimator: Any) -> bool:
    """Whether anything is read off the draws of an estimator."""
    if isinstance(problem, SampleProblem):
        return True
    cls = type(problem)
    if isinstance(problem, FitProblem):
        return any(getattr(cls, name) is not getattr(FitProblem, name) for name in ("real", "errors", "readings"))
    if isinstance(estimator, ErrorBarEstimator) and type(estimator).statistics is not ErrorBarEstimator.statistics:
        return True
    return cls.errors is not Problem.errors or cls.readings is not Problem.readings


def read(problem: Any, estimator: Any, estimate: Any, error: Tensor | None = None) -> dict[str, float]:
    """Every further quantity of one draw, by column.

    Args:
        error: the draw's error bar. Without it what an `ErrorBarEstimator` says of it is NaN.
    """
    found: dict[str, Any] = {}
    with torch.no_grad():
        found |= {f"error_{name}": value for name, value in problem.errors(estimate, estimator).items()}
        found |= {f"reading_{name}": value for name, value in problem.readings(estimate, estimator).items()}
        if isinstance(estimator, ErrorBarEstimator) and not isinstance(estimate, Fit):
            bar = torch.full_like(estimate, torch.nan) if error is None else error
            found |= {f"reading_{name}": value for name, value in estimator.statistics(bar).items()}
    if isinstance(estimate, SampleSet):
        found |= {f"reading_{name}": value for name, value in estimate.statistics.items()}
    return {column: _scalar(column, value) for column, value in found.items()}


def judged(problem: Any, estimator: Any, estimate: Any) -> Tensor:
    """An estimate as a tensor that is shaped like the truth: a fit's curve, the discrepancy of a set of samples, and
    every other as it is. Of a fit of many runs: (n, *truth.shape)."""
    with torch.no_grad():
        if isinstance(estimate, Fit):
            curve: Tensor = problem.curve(estimate, estimator)
            return curve
        if isinstance(estimate, SampleSet):
            found = _scalar("the discrepancy", problem.discrepancy(estimate))
            return torch.tensor([found], dtype=torch.float64)
    assert isinstance(estimate, Tensor)
    return estimate


def _scalar(name: str, value: Any) -> float:
    if isinstance(value, Tensor) and value.numel() != 1:
        raise ContractError(f"{name} has shape {tuple(value.shape)}, expected a scalar")
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise ContractError(f"{name} is a {type(value).__name__}, expected a scalar") from error
