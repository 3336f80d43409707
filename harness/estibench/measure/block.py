"""One block: every estimator's accuracy, counted work and memory, then all their times in one interleaved run.

`measure_block` depends on nothing but its arguments and the installed plugins, so any engine may call it anywhere.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from estibench import host as plugin_host
from estibench.contracts.estimator import Estimator
from estibench.errors import Unsupported, UserError
from estibench.measure.claims import confirmed, is_doubtful, rounding_tolerance
from estibench.measure.device import generator, pinned, synchronise, why_unavailable
from estibench.measure.draws import ContractError, Drawer, check_estimate
from estibench.measure.metrics import Row, accuracy, claims, columns, finiteness, paired_with_baseline, squared_errors
from estibench.measure.sampling import take_again, take_sample
from estibench.measure.seeds import chunk_seed
from estibench.measure.timing import Stopwatch, median_interval, ratio_interval, spread, time_block
from estibench.measure.work import Work, measure_work
from estibench.suite.plan import Block, Cell, Measurement, Settings

SINGLE_CALLS = "single calls"  # names the randomness of the untimed and timed single calls


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
        problem.prepare()
    except (BadProblemError, UserError) as error:
        for cell in block.cells:
            yield Measurement(cell, {"status": "bad_problem", "reason": str(error)}, final=True)
        return
    except Exception as error:  # a plugin's problem may fail in any way
        for cell in block.cells:
            row = {"status": "failed", "reason": f"the problem: {_reason(error)}"}
            yield Measurement(cell, row, final=True)
        return
    measured: list[_Measured] = []
    with pinned(settings.threads):
        for cell in block.cells:
            row = dict(facts)
            try:
                found = _measure_cell(cell, problem, block, settings)
                row |= found.row
                if row["status"] == "ok":
                    measured.append(replace(found, row=row))
            except Exception as error:  # a plugin's estimator may fail in any way
                row |= _failure(error)
            yield Measurement(cell, row, final=row["status"] != "ok")
    yield from _time(_paired(measured, block, settings), problem, block, settings)


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


@dataclass(frozen=True, eq=False)
class _Measured:
    """A cell that could be drawn from.

    Attributes:
        row: what is known of it.
        squared_errors: of its draws, (n,).
    """

    cell: Cell
    estimator: Estimator
    row: Row
    squared_errors: Tensor


def _measure_cell(cell: Cell, problem: Any, block: Block, settings: Settings) -> _Measured:
    """First call, counted work, draws, metrics and claims of one cell."""
    estimator = cell.estimator.build(plugin_host.current())
    call = _single(estimator, problem, block, settings)
    start = time.perf_counter()
    first = call()
    synchronise(block.device)
    first_seconds = time.perf_counter() - start
    check_estimate(first, tuple(problem.truth.shape), problem)
    work = measure_work(call, block.device)
    at_once = max(1, settings.draw_memory // max(work.peak_bytes, 1))
    drawer = Drawer(estimator, problem, at_once)
    sample = take_sample(drawer, block.key, settings)
    row = {
        "status": "ok",
        "reason": "",
        "time_first": first_seconds,
        **_work_columns(work),
        "draws": len(sample.draws),
        "pilot_draws": sample.pilot,
        "draw_path": drawer.path,
        "draw_fallback": drawer.fallback,
        "draw_time": sample.seconds,
        "stopped": sample.stopped,
        **finiteness(sample.draws, settings.confidence),
    }
    if row["status"] == "ok":
        row |= accuracy(sample, problem, settings)
        row |= claims(sample, problem, work.counts, settings, estimator)
        if is_doubtful(row["claims"]):
            second = take_again(drawer, block.key, settings)
            if not bool(torch.isfinite(second.draws).all()):
                row |= finiteness(second.draws, settings.confidence)
            else:
                again = claims(second, problem, work.counts, settings, estimator)
                row["claims"] = confirmed(row["claims"], again["claims"])
    return _Measured(cell, estimator, row, squared_errors(sample.draws, problem))


def _work_columns(work: Work) -> Row:
    costs = {f"cost_{unit}": amount for unit, amount in sorted(work.counts.items())}
    return {**costs, "flops": work.flops, "peak_bytes": work.peak_bytes}


def _paired(measured: Sequence[_Measured], block: Block, settings: Settings) -> list[_Measured]:
    """Every cell with the ratio of its MSE to the baseline's, if the baseline has one."""
    baseline = _baseline(measured, block)
    if baseline is None:
        return list(measured)
    name = {"baseline": baseline.cell.estimator.label}
    compared = []
    for found in measured:
        errors = (found.squared_errors, baseline.squared_errors)
        ratio = paired_with_baseline(*errors, found.row["rounding"], settings.confidence)
        compared.append(replace(found, row=found.row | name | ratio))
    return compared


def _time(measured: Sequence[_Measured], problem: Any, block: Block, settings: Settings) -> Iterator[Measurement]:
    """The cells that ran with their times, paired with the baseline's."""
    calls = [_single(found.estimator, problem, block, settings) for found in measured]
    seed = chunk_seed(settings.seed, block.key, SINGLE_CALLS)
    watches = time_block(calls, block.device, settings.rounds, seed, settings.threads, settings.time_limit)
    baseline = _baseline(measured, block)
    clock = watches[measured.index(baseline)] if baseline is not None else None
    for found, watch in zip(measured, watches, strict=True):
        row = found.row
        if watch.error is not None:
            row = row | _failure(watch.error, "while timed: ")
        elif settings.rounds > 0:
            row = row | _times(watch, clock, settings)
        yield Measurement(found.cell, row, final=True)


def _times(watch: Stopwatch, baseline: Stopwatch | None, settings: Settings) -> Row:
    row: Row = {
        **columns({"time": median_interval(watch.wall, settings.confidence)}),
        "time_cpu": median_interval(watch.cpu, settings.confidence).value,
        "time_spread": spread(watch.wall),
        "time_rounds": sum(not math.isnan(wall) for wall in watch.wall),
        "time_loops": watch.loops,
        "threads": settings.threads,
    }
    if baseline is not None and baseline.error is None:
        ratio, p_value = ratio_interval(watch, baseline, settings.confidence)
        row |= columns({"time_ratio": ratio}) | {"time_ratio_p_value": p_value}
    return row


def _baseline(measured: Sequence[_Measured], block: Block) -> _Measured | None:
    """What the block is compared with, if it could be measured."""
    wanted = None if block.baseline is None else block.cells[block.baseline]
    return next((found for found in measured if found.cell == wanted), None)


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
