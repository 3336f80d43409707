"""Checks of what `estimate`, `draws` and error bars return, in every dtype and on every device."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor

from estibench.columns import ERROR_PREFIX
from estibench.contracts.estimator import ErrorBarEstimator
from estibench.contracts.fit import Fit, FitProblem
from estibench.contracts.samples import SampleProblem, SampleSet
from estibench.measure.device import why_unavailable
from estibench.measure.readings import judged, read, reads
from estibench.suite.devices import accelerator
from estibench.testing.case import Case
from estibench.testing.trial import CheckFailedError, NotApplicable

DTYPES = ("float64", "float32", "bfloat16", "float16")
FEW = 3


def returns_an_estimate(case: Case) -> None:
    """`estimate` returns one finite tensor with the truth's shape, in the problem's dtype and on its device.

    For a problem of sampling: a `SampleSet` whose points have the problem's `estimate_shape`. For one of training: a
    `Fit`, whose curve is judged.
    """
    case.problem.prepare()
    _judge_estimate(case, case.call(case.stream()), case.problem, "estimate")


def draws_have_their_shape(case: Case) -> None:
    """An own `draws` returns (n, *truth.shape), in the problem's dtype, on its device, for n = 1 as well."""
    estimator, shape = case.estimator, case.shape
    if not case.has_own_draws:
        raise NotApplicable("the estimator has no draws of its own")
    _ = case.first
    try:
        for n in (1, FEW):
            if isinstance(estimator, ErrorBarEstimator) and case.has_error_bar:
                for found in estimator.draws_with_error(case.problem, n, case.stream()):
                    _judge(found, (n, *shape), case.problem, f"draws_with_error of {n}", finite=False)
            else:
                found = case.values(estimator.draws(case.problem, n, case.stream()))
                _judge(found, (n, *shape), case.problem, f"draws of {n}")
    except NotImplementedError as reason:
        raise NotApplicable(f"its own draws say that there are none: {reason}") from reason


def error_bar_is_sane(case: Case) -> None:
    """`estimate_with_error` returns an estimate and, in the same shape, standard errors that are not negative.

    They may be NaN all together, where there is nothing to make an error bar from.
    """
    estimator, problem = case.estimator, case.problem
    if not isinstance(estimator, ErrorBarEstimator) or not case.has_error_bar:
        raise NotApplicable("the estimator reports no error bar")
    _ = case.first
    found = estimator.estimate_with_error(problem, case.stream())
    if not isinstance(found, tuple) or len(found) != 2:
        raise CheckFailedError(
            f"estimate_with_error returns a {type(found).__name__}",
            "a pair: the estimate and its standard error",
            "return (estimate, error)",
        )
    for value, what in zip(found, ("estimate", "error"), strict=True):
        _judge(value, tuple(problem.truth.shape), problem, f"the {what} of estimate_with_error", finite=False)
    error = found[1].detach()
    if bool(error.isnan().all()):
        return
    if not bool(torch.isfinite(error).all()) or bool((error < 0).any()):
        raise CheckFailedError(
            f"standard errors from {float(error.min()):g} to {float(error.max()):g}",
            "finite numbers, not negative; or all NaN where there is no error bar",
            "take the root of a variance estimate, clamped at 0",
        )


def every_dtype(case: Case) -> None:
    """In each dtype the estimate has that dtype, or the estimator says `Unsupported`.

    The narrower ones are left out where there is no time: half precision is slow on a CPU.
    """
    _ = case.first
    done: list[str] = []
    end = time.perf_counter() + case.effort.seconds
    for dtype in DTYPES:
        if len(done) > 1 and time.perf_counter() > end:
            break
        problem = case.problem.at(case.problem.device, dtype)
        try:
            problem.prepare()
        except Exception:  # a problem may not exist in half precision
            continue
        try:
            found = case.call(case.stream(), problem)
        except NotApplicable:
            continue
        except CheckFailedError as failure:
            raise CheckFailedError(
                f"in {dtype}, {failure.found}",
                "an estimate, or Unsupported",
                "make tensors in problem.torch_dtype; where an operation lacks the dtype, raise estibench.Unsupported",
            ) from failure
        _judge_estimate(case, found, problem, f"in {dtype}, estimate", finite=dtype in DTYPES[:2])
        done.append(dtype)
    if not done:
        raise NotApplicable("no dtype is supported")


def works_on_accelerator(case: Case) -> None:
    """On the machine's accelerator, where it has one, the estimate is there too."""
    device = accelerator()
    missing = "no accelerator on this machine" if device is None else why_unavailable(device, "float32")
    if device is None or missing:
        raise NotApplicable(str(missing))
    problem = case.problem.at(device, "float32")
    try:
        problem.prepare()
        other = Case(case.estimator, problem, case.effort, case.unit)
    except Exception as error:
        raise NotApplicable(f"the problem cannot be made there: {error}") from error
    _judge_estimate(other, other.call(other.stream()), problem, f"on {device}, estimate")


def same_estimate_with_and_without_error(case: Case) -> None:
    """`estimate` is what `estimate_with_error` returns first, from the same seed, up to rounding.

    The harness times the one and draws with the other: they must be the same method.
    """
    estimator = case.estimator
    if not isinstance(estimator, ErrorBarEstimator) or not case.has_error_bar:
        raise NotApplicable("the estimator reports no error bar")
    if type(estimator).estimate is ErrorBarEstimator.estimate:
        raise NotApplicable("estimate is not overridden")
    alone = case.estimate()
    found = estimator.estimate_with_error(case.problem, case.stream())[0].detach()
    distance = float((alone - found).double().norm())
    if not distance <= case.tolerance:
        raise CheckFailedError(
            f"from the same seed they differ by {distance:.3g}, more than rounding ({case.tolerance:.3g})",
            "the same estimate",
            "let both begin with the same function, and draw from the generator in the same order",
        )


def readings_are_sane(case: Case) -> None:
    """What is read off a draw are scalars, and errors are not negative; a discrepancy neither."""
    problem = case.problem
    if not reads(problem, case.estimator):
        raise NotApplicable("nothing is read off the draws")
    _ = case.first
    found = case.call(case.stream())
    columns = read(problem, case.estimator, found)
    if isinstance(problem, SampleProblem):
        columns["discrepancy"] = float(judged(problem, case.estimator, found))
    for name, value in columns.items():
        if name.startswith((ERROR_PREFIX, "discrepancy")) and value < 0:
            raise CheckFailedError(
                f"{name} = {value:g}", "errors of 0 and more", "return readings of any sign by `readings`"
            )


def _judge_estimate(case: Case, found: Any, problem: Any, who: str, finite: bool = True) -> None:
    """One estimate, one set of samples or one fit, against the contract."""
    if isinstance(problem, SampleProblem):
        if not isinstance(found, SampleSet):
            raise CheckFailedError(
                f"{who} returns a {type(found).__name__}", "a SampleSet", "return SampleSet(points, statistics)"
            )
        _judge(found.points, case.shape, problem, f"the points of {who}", finite)
    elif isinstance(problem, FitProblem):
        if not isinstance(found, Fit):
            raise CheckFailedError(
                f"{who} returns a {type(found).__name__}", "a Fit", "return what problem.train gives"
            )
        _judge(judged(problem, case.estimator, found), case.shape, problem, f"the curve of {who}", finite)
    else:
        _judge(found, case.shape, problem, who, finite)


def _judge(found: Any, shape: tuple[int, ...], problem: Any, who: str, finite: bool = True) -> None:
    """One tensor against the contract."""
    if not isinstance(found, Tensor):
        raise CheckFailedError(
            f"{who} returns a {type(found).__name__}",
            f"a tensor of shape {shape}",
            "return torch.stack(…) of its parts",
        )
    if tuple(found.shape) != shape:
        raise CheckFailedError(
            f"{who} has shape {tuple(found.shape)}", f"{shape}", "return what problem.truth looks like, no more axes"
        )
    if found.dtype != problem.torch_dtype:
        raise CheckFailedError(
            f"{who} has dtype {found.dtype}",
            f"{problem.torch_dtype}",
            "make tensors with dtype=problem.torch_dtype; torch's default dtype is not the problem's",
        )
    if found.device.type != torch.device(problem.device).type:
        raise CheckFailedError(
            f"{who} is on {found.device}", f"{problem.device}", "make tensors with device=generator.device"
        )
    if finite and not bool(torch.isfinite(found).all()):
        bad = int((~torch.isfinite(found)).sum())
        raise CheckFailedError(
            f"{who} is not finite in {bad} of {found.numel()} components",
            "finite numbers",
            "look for 0/0, log 0 and overflow; where the method does not apply, raise estibench.Unsupported",
        )


CHECKS = (
    returns_an_estimate,
    draws_have_their_shape,
    error_bar_is_sane,
    same_estimate_with_and_without_error,
    every_dtype,
    works_on_accelerator,
    readings_are_sane,
)
