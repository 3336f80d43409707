"""One block: every estimator's accuracy, counted work and memory, then all their times in one interleaved run.

`measure_block` depends on nothing but its arguments and the installed plugins, so any engine may call it anywhere.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from estibench import host as plugin_host
from estibench.contracts import claims as declared
from estibench.contracts.estimator import Estimator
from estibench.errors import Unsupported, UserError
from estibench.measure import statistics
from estibench.measure.claims import gather_evidence, rounding_tolerance
from estibench.measure.device import generator, pinned, synchronise, why_unavailable
from estibench.measure.draws import ContractError, Drawer, check_estimate
from estibench.measure.seeds import chunk_seed
from estibench.measure.timing import Stopwatch, median_interval, ratio_interval, time_block
from estibench.measure.work import Work, measure_work
from estibench.suite.plan import Block, Cell, Measurement, Settings

Row = dict[str, Any]
SINGLE_CALLS = -1  # chunk number of the randomness for the untimed and timed single calls


class BadProblemError(Exception):
    """A problem that cannot be measured against, whatever the estimator."""


def measure_block(block: Block, settings: Settings) -> Iterator[Measurement]:
    """Measure a block. Yields each cell with its accuracy as soon as it is known, and again with its times.

    A cell that fails yields a row with `status` and `reason`; the others go on. Time limits are soft here: they are
    looked at between chunks of draws and between rounds.
    """
    unavailable = why_unavailable(block.device, block.dtype)
    if unavailable:
        for cell in block.cells:
            row = {"status": "unsupported", "reason": unavailable, "device_missing": True}
            yield Measurement(cell, row, final=True)
        return
    host = plugin_host.current()
    try:
        problem = block.problem.build(host).at(block.device, block.dtype)
        facts = _problem_facts(problem)
    except (BadProblemError, UserError) as error:
        for cell in block.cells:
            yield Measurement(cell, {"status": "bad_problem", "reason": str(error)}, final=True)
        return
    except Exception as error:  # a plugin's problem may fail in any way
        for cell in block.cells:
            row = {"status": "failed", "reason": f"the problem: {_reason(error)}"}
            yield Measurement(cell, row, final=True)
        return
    measured: list[tuple[Cell, Estimator, Row]] = []
    with pinned(settings.threads):
        for cell in block.cells:
            row = dict(facts)
            to_be_timed = False
            try:
                estimator = cell.estimator.build(host)
                row |= _measure_cell(estimator, problem, block, settings)
                to_be_timed = settings.rounds > 0
                if to_be_timed:
                    measured.append((cell, estimator, row))
            except Exception as error:  # a plugin's estimator may fail in any way
                row |= _failure(error)
            yield Measurement(cell, row, final=not to_be_timed)
    if measured:
        yield from _time(measured, problem, block, settings)


def _problem_facts(problem: Any) -> Row:
    """Truth and its source. Raises `BadProblemError` for a truth that is not finite."""
    truth = problem.truth
    if not isinstance(truth, Tensor) or truth.dtype != torch.float64 or truth.device.type != "cpu":
        raise BadProblemError("the problem's truth must be a float64 tensor on the CPU")
    if not bool(torch.isfinite(truth).all()):
        bad = int((~torch.isfinite(truth)).sum())
        raise BadProblemError(f"the problem's truth is not finite in {bad} of {truth.numel()} components")
    return {
        "truth_source": problem.truth_source,
        "truth_norm": float(truth.norm()),
        "components": truth.numel(),
        "rounding": rounding_tolerance(problem),
    }


@dataclass(frozen=True)
class _Single:
    """One plain call of an estimator, as it is timed."""

    estimator: Estimator
    problem: Any
    stream: torch.Generator

    def __call__(self) -> Tensor:
        return self.estimator.estimate(self.problem, self.stream)


def _single(estimator: Estimator, problem: Any, block: Block, settings: Settings) -> _Single:
    seed = chunk_seed(settings.seed, block.key, SINGLE_CALLS)
    return _Single(estimator, problem, generator(block.device, seed))


def _measure_cell(estimator: Estimator, problem: Any, block: Block, settings: Settings) -> Row:
    """First call, counted work, draws, metrics and claims of one cell."""
    call = _single(estimator, problem, block, settings)
    start = time.perf_counter()
    first = call()
    synchronise(block.device)
    first_seconds = time.perf_counter() - start
    check_estimate(first, tuple(problem.truth.shape), problem)
    work = measure_work(call, block.device)
    row: Row = {"status": "ok", "reason": "", "time_first": first_seconds, **_work_columns(work)}
    at_once = max(1, settings.draw_memory // max(work.peak_bytes, 1))
    drawer = Drawer(estimator, problem, at_once)
    sample = _sample(drawer, block, settings)
    row |= {
        "draws": sample.draws.shape[0],
        "draw_path": drawer.path,
        "draw_fallback": drawer.fallback,
        "draw_time": sample.seconds,
        "stopped": sample.stopped,
    }
    finite = torch.isfinite(sample.draws).all(1)
    row["finite_fraction"] = float(finite.to(torch.float64).mean())
    if not bool(finite.all()):
        bad = int((~finite).sum())
        return row | {"status": "not_finite", "reason": f"{bad} of {len(finite)} draws are not finite"}
    return row | _accuracy(sample, problem, work, settings, estimator)


def _work_columns(work: Work) -> Row:
    costs = {f"cost_{unit}": amount for unit, amount in sorted(work.counts.items())}
    return {**costs, "flops": work.flops, "peak_bytes": work.peak_bytes}


@dataclass(frozen=True)
class _Sample:
    draws: Tensor
    errors: Tensor | None
    stopped: str
    seconds: float


def looks(settings: Settings) -> Iterator[int]:
    """Numbers of draws at which the precision is looked at: 2, 16, then doubling up to the maximum.

    The schedule is fixed beforehand; stopping is allowed from `min_draws` on.
    """
    total = 2
    while total < settings.max_draws:
        yield total
        total = max(16, 2 * total)
    yield settings.max_draws


def _sample(drawer: Drawer, block: Block, settings: Settings) -> _Sample:
    """Draws in fixed chunks until the RMSE is known to the precision, or a limit is met; says which."""
    values: list[Tensor] = []
    errors: list[Tensor] = []
    truth = drawer.problem.truth.reshape(-1)
    tolerance = rounding_tolerance(drawer.problem)
    exact = any(isinstance(claim, declared.Exact) for claim in drawer.estimator.claims)
    start = time.perf_counter()
    total = 0
    stopped = "max_draws"
    for chunk, look in enumerate(looks(settings)):
        began = time.perf_counter()
        value, error = drawer.draw(look - total, chunk_seed(settings.seed, block.key, chunk))
        values.append(value)
        if error is not None:
            errors.append(error)
        elapsed = time.perf_counter() - start
        next_chunk = look * (time.perf_counter() - began) / (look - total)
        total = look
        if exact and bool((value == value[0]).all()):
            stopped = "deterministic"
            break
        if total >= settings.min_draws:
            m = statistics.moments(torch.cat(values), truth)
            mse = statistics.mse_interval(m, settings.confidence)
            if mse.root().relative_half_width <= settings.precision:
                stopped = "precision"
                break
            if math.sqrt(max(mse.high, 0.0)) <= tolerance:
                stopped = "rounding"
                break
        if total < settings.max_draws and elapsed + next_chunk > settings.time_limit:
            stopped = "time_limit"
            break
    seconds = time.perf_counter() - start
    return _Sample(torch.cat(values), torch.cat(errors) if errors else None, stopped, seconds)


def _accuracy(sample: _Sample, problem: Any, work: Work, settings: Settings, estimator: Estimator) -> Row:
    """The metrics of a vector estimand, each with its interval."""
    draws, truth, confidence = sample.draws, problem.truth.reshape(-1), settings.confidence
    m = statistics.moments(draws, truth)
    mse = statistics.mse_interval(m, confidence)
    bias = statistics.bias_interval(m, confidence)
    norm = float(truth.norm())
    row = {
        "mse": mse,
        "rmse": mse.root(),
        "variance": statistics.variance_interval(m, confidence),
        "bias_squared": statistics.squared_bias_interval(m, confidence),
        "bias": bias,
        "mean_error": statistics.mean_interval((draws - truth).mean(1), confidence),
    }
    if norm > 0:
        row["relative_rmse"] = mse.root().scaled(1 / norm)
        row["relative_bias"] = bias.scaled(1 / norm)
        if m.components > 1:
            row["cosine"] = statistics.cosine_interval(draws, truth, confidence)
    tolerance = rounding_tolerance(problem)
    errors = sample.errors
    if errors is not None and not bool(errors.isnan().all()) and mse.high > tolerance**2:  # else only rounding is left
        allowed = tolerance / math.sqrt(m.components)
        row["coverage"] = statistics.coverage_interval(draws, errors, truth, confidence, allowed)
    return {
        **{name: value for quantity, interval in row.items() for name, value in _three(quantity, interval)},
        "component_rmse_max": float((draws - truth).square().mean(0).max().sqrt()),
        "component_bias_max": float((m.mean - m.truth).abs().max()),
        "zeros_fraction": float((draws == 0).to(torch.float64).mean()),
        "claims": gather_evidence(estimator, problem, draws, m, work.counts, confidence),
    }


def _time(
    measured: list[tuple[Cell, Estimator, Row]], problem: Any, block: Block, settings: Settings
) -> Iterator[Measurement]:
    """Times of the cells that ran, paired with the baseline's."""
    calls = [_single(estimator, problem, block, settings) for _, estimator, _ in measured]
    seed = chunk_seed(settings.seed, block.key, SINGLE_CALLS)
    watches = time_block(calls, block.device, settings.rounds, seed, settings.threads, settings.time_limit)
    baseline = _baseline_watch(measured, watches, block)
    for (cell, _, row), watch in zip(measured, watches, strict=True):
        if watch.error is not None:
            yield Measurement(cell, row | _failure(watch.error, "while timed: "), final=True)
            continue
        wall = median_interval(watch.wall, settings.confidence)
        times: Row = {
            **dict(_three("time", wall)),
            "time_cpu": median_interval(watch.cpu, settings.confidence).value,
            "time_rounds": sum(not math.isnan(wall) for wall in watch.wall),
            "time_loops": watch.loops,
            "threads": settings.threads,
        }
        if baseline is not None:
            ratio, p_value = ratio_interval(watch, baseline, settings.confidence)
            assert block.baseline is not None
            times |= dict(_three("time_ratio", ratio))
            times |= {"time_ratio_p_value": p_value, "baseline": block.estimators[block.baseline].label}
        yield Measurement(cell, row | times, final=True)


def _baseline_watch(
    measured: list[tuple[Cell, Estimator, Row]], watches: list[Stopwatch], block: Block
) -> Stopwatch | None:
    if block.baseline is None:
        return None
    wanted = block.cells[block.baseline]
    pairs = zip(measured, watches, strict=True)
    return next((watch for (cell, _, _), watch in pairs if cell == wanted and watch.error is None), None)


def _three(quantity: str, interval: statistics.Interval) -> Iterator[tuple[str, float]]:
    yield quantity, interval.value
    yield f"{quantity}_low", interval.low
    yield f"{quantity}_high", interval.high


def _failure(error: Exception, when: str = "") -> Row:
    """Status and reason of a cell whose estimator raised."""
    if isinstance(error, Unsupported):
        return {"status": "unsupported", "reason": f"{when}{error}"}
    status = "out_of_memory" if isinstance(error, torch.OutOfMemoryError) else "failed"
    return {"status": status, "reason": when + _reason(error)}


def _reason(error: BaseException) -> str:
    text = str(error).strip()
    first = text.splitlines()[0] if text else ""
    if isinstance(error, ContractError):
        return first
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
