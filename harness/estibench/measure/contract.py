"""Whether what an estimator returns is an estimate of its problem."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from estibench.contracts.fit import Fit, FitProblem
from estibench.contracts.samples import SampleProblem, SampleSet


class ContractError(Exception):
    """An estimator or a problem that returned something other than its contract says."""


def check_estimate(value: object, problem: Any) -> None:
    """Raises `ContractError` unless `value` has the type, the shape and the dtype of an estimate."""
    if isinstance(problem, SampleProblem):
        if not isinstance(value, SampleSet):
            raise ContractError(f"the estimate is a {type(value).__name__}, expected an estibench.SampleSet")
        check_tensor(value.points, problem.estimate_shape, problem)
    elif isinstance(problem, FitProblem):
        check_fit(value, problem)
    else:
        check_tensor(value, tuple(problem.truth.shape), problem)


def check_fit(value: object, problem: FitProblem, runs: tuple[int, ...] = ()) -> None:
    """Raises `ContractError` unless `value` is a fit, or so many side by side, with a snapshot at every checkpoint."""
    if not isinstance(value, Fit):
        raise ContractError(f"the estimate is a {type(value).__name__}, expected an estibench.Fit")
    leading = (*runs, len(problem.checkpoints))
    for one in value.snapshots:
        if tuple(one.shape[: len(leading)]) != leading:
            raise ContractError(f"a snapshot has shape {tuple(one.shape)}, expected {leading} and the parameter's own")


def check_tensor(value: object, shape: tuple[int, ...], problem: Any) -> None:
    """Raises `ContractError` unless `value` is a tensor of that shape in the problem's dtype."""
    if not isinstance(value, Tensor):
        raise ContractError(f"the estimate is a {type(value).__name__}, expected a tensor")
    if tuple(value.shape) != shape:
        raise ContractError(f"the estimate has shape {tuple(value.shape)}, expected {shape}")
    if value.dtype != problem.torch_dtype:
        raise ContractError(f"the estimate has dtype {value.dtype}, expected {problem.torch_dtype}")
