"""The columns of the table: the one home of their names, meanings and units."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from estibench.errors import did_you_mean

IDENTITY = {
    "suite": "name of the suite",
    "task": "kind of estimand",
    "problem": "problem with the parameters that the suite gives",
    "estimator": "estimator with the parameters that the suite gives",
    "device": "device of the cell",
    "dtype": "floating-point type of the cell",
    "status": "ok, failed, timeout, crashed, out_of_memory, not_finite, bad_problem or unsupported",
    "reason": "why the status is not ok",
    "problem_name": "registered name of the problem",
    "estimator_name": "registered name of the estimator",
    "family": "estimator without its numbers: the points of one curve",
    "compile": "how torch compiles the estimator: off, default, or reduce-overhead, which is CUDA graphs",
    "key": "identity of the cell",
}

BLOCK = ["problem", "device", "dtype"]  # what the cells of a block share

MEASURED = {
    "expected": "status that the suite expects of the cell, where it expects one that is not ok",
    "expected_why": "why it does",
    "truth_norm": "Euclidean norm of the truth",
    "truth_error": "norm of the truth's own standard error, 0 for an exact one; every interval and verdict includes it",
    "truth_source": "where the truth comes from",
    "components": "number of components of the estimand",
    "rounding": "norm of the error up to which an estimate counts as exact",
    "device_missing": "whether the machine lacks the cell's device",
    "draws": "independent estimates that the statistics rest on",
    "pilot_draws": "estimates drawn before those, to plan their number",
    "draw_path": "draws (the estimator's own), vmap or loop",
    "draw_chunk": "draws made by one call; 1 in a loop",
    "draw_fallback": "why a loop, where the estimator could be drawn in another way",
    "draw_time": "seconds spent drawing",
    "stopped": (
        "why there are no more draws: precision (reached), planned (the pilot's number, but precision missed), "
        "max_draws, time_limit, rare (all draws or their errors are equal, or all but a handful: as many as allowed), "
        "rounding (no other error is left), deterministic (an exact reference) or constant"
    ),
    "largest_share": "share of the largest squared error in the sum of all: near 1, the MSE rests on a single draw",
    "flops": "floating-point operations of matrix products in one estimate",
    "peak_bytes": "peak memory of one estimate beyond the problem's data, bytes",
    "reserved_bytes": "memory that the accelerator's allocator held for it, bytes",
    "time_first": "seconds of the very first call, which is never a compiled one",
    "time_compile": "seconds that compiling took, on top of the calls in which it was done",
    "compile_graphs": "compiled pieces of one estimate: 0 where none could be, and the plain call was measured",
    "compile_breaks": "places in an estimate where Python goes on between compiled pieces, as it does to draw numbers",
    "compile_note": "why there is not one graph, and why launches are not recorded",
    "time_cpu": "CPU seconds per estimate, median",
    "time_spread": "interquartile range of the rounds' wall times over their median: the machine's noise",
    "time_rounds": "timed rounds",
    "time_loops": "calls per timed round",
    "time_samples": "wall seconds per estimate in each timed round",
    "time_cache": "what a timed call found in the accelerator's L2 cache: its data (warm), or nothing (cold)",
    "time_kernels": "seconds in which the accelerator worked on one estimate, by torch's profiler; empty on the CPU",
    "bound": "compute where that is at least half of the time, launch where the accelerator waits for the host",
    "mse_ratio_p_value": "test of equal MSE with the baseline",
    "mse_ratio_differs": "whether the MSE differs from the baseline's, Holm-corrected over the block",
    "time_ratio_p_value": "sign test of equal time with the baseline",
    "time_ratio_differs": "whether the time differs from the baseline's, Holm-corrected over the block",
    "baseline": "estimator that errors and times are compared with",
    "threads": "torch's intra-op threads",
    "host": "machine on which the accuracy was measured",
    "time_host": "machine on which the block was timed",
    "traceback": "file in the run's directory with the traceback, or the end of the worker's log, of a failed cell",
    "work": "amount of the task's cost unit in one estimate",
    "front_work": "whether no other cell of the block is shown to be better by (mse, work)",
    "front_time": "whether no other cell of the block is shown to be better by (mse, time)",
    "curve": "where the estimand is a curve: its axis, x, and for each x the mean error with its bounds low and high",
    "claims": "evidence for each claim, with its verdict",
    "scaling_claims": "claims about exponents, tested over the run on the curve's last cell",
    "claims_supported": "number of claims supported",
    "claims_refuted": "number of claims refuted",
    "claims_undecided": "number of claims undecided",
}

WITH_INTERVAL = {
    "mse": "mean squared error E‖estimate − truth‖²",
    "rmse": "root of the mean squared error",
    "relative_rmse": "RMSE over the norm of the truth",
    "variance": "total variance tr Cov(estimate)",
    "bias_squared": "squared norm of the bias, debiased (can be negative)",
    "bias": "norm of the bias",
    "relative_bias": "norm of the bias over the norm of the truth",
    "mean_error": "mean over components of E(estimate) − truth, signed",
    "cosine": "mean cosine between an estimate and the truth",
    "coverage": "how often the estimator's own error bar covers the truth (nominal: the suite's confidence)",
    "component_rmse_max": "largest RMSE of a component",
    "component_bias_max": "largest absolute bias of a component",
    "zeros_fraction": "fraction of exact zeros among all components of all draws",
    "not_finite_fraction": "fraction of draws with a component that is not finite",
    "mse_ratio": "MSE over the baseline's, paired by draw",
    "time": "wall seconds per estimate, median over rounds",
    "time_ratio": "time over the baseline's, paired by round",
    "mse_time": "mse × time: work-normalised error by the clock",
    "mse_work": "mse × work: work-normalised error by counted cost",
}

# What a problem reads off its draws: a column for each name, with its interval.
ERROR_PREFIX, READING_PREFIX = "error_", "reading_"

NESTED = {
    "curve",
    "claims",
    "scaling_claims",
    "time_samples",
}  # lists and mappings: for reading, not for a table or an axis
COUNTED = {"work", "flops", "peak_bytes"}  # and every cost: counted in one pass, so free of noise
# The errors by which estimators are ranked, without units.
EFFICIENCIES = {"mse_work": "MSE × work", "mse_time": "MSE × time"}

# What a plot of curves may run along: the problem's own axis, or the time that a run needs to get there.
CURVE_AXES = ("step", "time")

# Which way is better. The others are not compared.
HIGHER_IS_BETTER = {"cosine"}
LOWER_IS_BETTER = {*WITH_INTERVAL, "flops", "peak_bytes", "time_first", "time_cpu", "work"} - {
    *HIGHER_IS_BETTER,
    *("coverage", "mean_error", "zeros_fraction"),
}
ERRORS = LOWER_IS_BETTER & {*WITH_INTERVAL} - {"time", "time_ratio", "not_finite_fraction"}

LABELS = {
    "relative_rmse": "relative RMSE",
    "rmse": "RMSE",
    "mse": "MSE",
    "time": "time per estimate [s]",
    "time_ratio": "time relative to baseline",
    "mse_ratio": "MSE relative to baseline",
    "peak_bytes": "peak memory [bytes]",
    "relative_bias": "relative bias",
    "mse_time": "MSE × time [s]",
    "mse_work": "MSE × work",
    "problem_dim": "dimension",
    "coverage": "coverage of the error bar",
}


def label(column: str) -> str:
    """How a column is called on an axis or in a header."""
    if column in LABELS:
        return LABELS[column]
    for prefix in ("cost_", "problem_", "estimator_", ERROR_PREFIX, READING_PREFIX):
        if column.startswith(prefix):
            return column.removeprefix(prefix).replace("_", " ") + ("s" if prefix == "cost_" else "")
    return column.replace("_", " ")


def is_lower_better(column: str) -> bool:
    """Whether cells are compared by a column of which less is better."""
    return column in LOWER_IS_BETTER or column.startswith(("cost_", ERROR_PREFIX))


def is_counted(column: str) -> bool:
    """Whether a quantity is counted: known exactly, where others are measured with an error."""
    return column in COUNTED or column.startswith("cost_")


def parameter_columns(kind: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A component's parameters as columns `problem_…` or `estimator_…`; a density by its name, a list as JSON."""
    columns: dict[str, Any] = {}
    for name, value in parameters.items():
        plain = value["name"] if isinstance(value, Mapping) else value
        columns[f"{kind}_{name}"] = json.dumps(plain) if isinstance(plain, list) else plain
    return columns


def known_columns(parameters: Iterable[str]) -> set[str]:
    """Every column that a suite may name, given the `problem_…` and `estimator_…` columns of its components."""
    bounds = {f"{name}_{side}" for name in WITH_INTERVAL for side in ("low", "high")}
    return {*IDENTITY, *MEASURED, *WITH_INTERVAL, *bounds, *parameters} - NESTED


def why_unknown(column: str, known: set[str]) -> str | None:
    """What is wrong with a column's name, or None.

    `cost_<unit>` exists for every unit that a problem counts, `error_<name>` and `reading_<name>` for what it reads.
    """
    if column in known or column.startswith(("cost_", ERROR_PREFIX, READING_PREFIX)):
        return None
    return f"unknown column {column!r}{did_you_mean(column, known)}"
