"""The metrics of a vector estimand: the columns of the table that draws, truth and counted work give."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from estibench.columns import ERROR_PREFIX
from estibench.contracts.estimator import Estimator
from estibench.measure import statistics
from estibench.measure.claims import gather_evidence, rounding_tolerance, scaling_claims
from estibench.measure.curve import curve
from estibench.measure.intervals import Interval, clustered_proportion_interval, proportion_interval
from estibench.measure.means import mean_interval, positive_mean_interval
from estibench.measure.rare import barely_seen
from estibench.measure.sampling import Sample
from estibench.measure.uncertain_truth import widened
from estibench.suite.plan import Settings

Row = dict[str, Any]
LARGEST = 1e70  # draws whose fourth powers can be added up in float64


def columns(intervals: Mapping[str, Interval]) -> Row:
    """Each quantity as three columns: `quantity`, `quantity_low`, `quantity_high`."""
    return {name: value for quantity, interval in intervals.items() for name, value in _three(quantity, interval)}


def finiteness(draws: Tensor, confidence: float) -> Row:
    """How many draws are not finite, or too large for their moments to be, and the status of a cell that has such."""
    bad, infinite = (int((~fine).any(1).sum()) for fine in (draws.abs() <= LARGEST, draws.isfinite()))
    row = columns({"not_finite_fraction": proportion_interval(bad / len(draws), len(draws), confidence)})
    if bad:
        row |= {"status": "not_finite", "reason": f"{infinite} of {len(draws)} draws are not finite"}
    if bad > infinite:
        row["reason"] = f"{bad} of {len(draws)} draws are beyond {LARGEST:g}: their fourth powers are not finite"
    return row


def accuracy(sample: Sample, problem: Any, settings: Settings) -> Row:
    """Errors with their intervals. All draws are finite."""
    truth, confidence = problem.truth.reshape(-1), settings.confidence
    m = sample.moments(problem)
    mse, bias = statistics.mse_interval(m, confidence), statistics.bias_interval(m, confidence)
    found = {
        "mse": mse,
        "rmse": mse.root(),
        "variance": statistics.variance_interval(m, confidence),
        "bias_squared": statistics.squared_bias_interval(m, confidence),
        "bias": bias,
        "mean_error": statistics.mean_error_interval(m, confidence),
        "component_rmse_max": statistics.component_rmse_interval(m, confidence),
        "component_bias_max": statistics.component_bias_interval(m, confidence),
        "zeros_fraction": statistics.zeros_interval(m.draws, confidence),
    }
    norm = float(truth.norm())
    if norm > 0:
        found |= {"relative_rmse": mse.root().scaled(1 / norm), "relative_bias": bias.scaled(1 / norm)}
        if m.components > 1:
            found["cosine"] = statistics.cosine_interval(m, confidence)
    found = widened(found, m, norm, confidence)
    covered = _covered(sample, m, rounding_tolerance(problem), confidence)
    if covered is not None:
        found["coverage"] = clustered_proportion_interval(covered, m.components, confidence)
    return {
        **columns(found | readings(sample, confidence)),
        **({} if problem.axis is None else {"curve": curve(m, problem.axis, confidence)}),
        "largest_share": float(m.squared_errors.max() / m.squared_errors.sum()) if mse.value > 0 else 0.0,
    }


def readings(sample: Sample, confidence: float) -> dict[str, Interval]:
    """The mean of each quantity that the problem reads off a draw; NaN where it is not finite in some draw."""
    found = {}
    for column, values in sample.readings.items():
        if not bool(torch.isfinite(values).all()):
            found[column] = Interval(math.nan, math.nan, math.nan)
            continue
        interval = (positive_mean_interval if column.startswith(ERROR_PREFIX) else mean_interval)(values, confidence)
        found[column] = interval.without_bounds() if sample.random and barely_seen(values) else interval
    return found


def claims(sample: Sample, problem: Any, counts: dict[str, int], settings: Settings, estimator: Estimator) -> Row:
    """The evidence that finite draws and counted work give for each claim."""
    m = sample.moments(problem)
    covered = _covered(sample, m, rounding_tolerance(problem), settings.confidence)
    read = {column.partition("_")[2]: values for column, values in sample.readings.items()}
    evidence = gather_evidence(estimator, problem, m, counts, covered, read, settings.confidence)
    return {"claims": evidence, "scaling_claims": scaling_claims(estimator, problem)}


def squared_errors(draws: Tensor, problem: Any) -> Tensor:
    """‖g_i − t‖², (n,)."""
    return (draws - problem.truth.reshape(-1)).square().sum(1)


def _covered(sample: Sample, m: statistics.Moments, tolerance: float, confidence: float) -> Tensor | None:
    """Which error bars cover, (n,); None without error bars, or where only rounding is left to cover."""
    errors = sample.errors
    if errors is None or bool(errors.isnan().all()) or math.sqrt(float(m.squared_errors.mean())) <= tolerance:
        return None
    return statistics.covered(m.draws, errors, m.truth, confidence, tolerance / math.sqrt(m.components))


def _three(quantity: str, interval: Interval) -> Iterator[tuple[str, float]]:
    yield quantity, interval.value
    yield f"{quantity}_low", interval.low
    yield f"{quantity}_high", interval.high
