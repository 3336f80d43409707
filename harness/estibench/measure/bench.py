"""One block laid out in this process: the accuracy of its cells one by one, and their times together.

It depends on nothing but the block, the settings and the installed plugins, so any process on any machine may do it.
"""

from __future__ import annotations

import platform
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch

from estibench import host as plugin_host
from estibench.contracts.claims import ClaimError
from estibench.contracts.counting import counting
from estibench.contracts.fit import FitProblem
from estibench.contracts.unfinished import Unfinished, resumed
from estibench.errors import Unsupported, UserError
from estibench.host.components import PLAIN
from estibench.measure.calls import FirstCall, SingleCall, draws_afresh, kernels_of, seconds_of, warmed
from estibench.measure.claims import LOOKS, confirmed, is_doubtful, rounding_tolerance
from estibench.measure.compiled import compiling, settle, why_not
from estibench.measure.compiler import loading
from estibench.measure.contract import ContractError, check_estimate
from estibench.measure.device import (
    generator,
    lacks_precision,
    pinned,
    products,
    synchronise,
    warm_up,
    why_missing,
    why_unavailable,
)
from estibench.measure.draws import Drawer, chunk_of
from estibench.measure.globals import untouched
from estibench.measure.kept import KeptDraws, pack, unpack
from estibench.measure.limits import Limits, NotWithinLimitsError
from estibench.measure.memory import meter, peak_of, release, watched
from estibench.measure.metrics import Row, accuracy, claims, finiteness, squared_errors
from estibench.measure.readings import read, reads
from estibench.measure.sampling import take_again, take_sample
from estibench.measure.seeds import chunk_seed
from estibench.measure.timing import time_block
from estibench.measure.timing_columns import times
from estibench.measure.truth import BadProblemError, settle_truth
from estibench.measure.work import Work, measure_work, work_of_training
from estibench.suite.plan import COMPILING, DATA, PROBLEM, TRUTH, Block, Measurement, Settings

SINGLE_CALLS = "single calls"  # names the randomness of the untimed and timed single calls
LONG = 0.1  # seconds of a call that, where time is limited, needs no other to warm it up nor one to count operations
NO_LIMITS = Limits()

Watch = Callable[[int, str], None]
T = TypeVar("T")


class Bench:
    """A block with its problem, which is made when it is first needed.

    A cell that fails gives a row with `status` and `reason`; the others go on. Time limits are soft here: they are
    looked at between chunks of draws and between rounds.

    Args:
        watch: told the cell and the step that begins, for whoever supervises.
    """

    def __init__(self, block: Block, settings: Settings, watch: Watch = lambda cell, step: None) -> None:
        self.block = block
        self.settings = settings
        self._watch = watch
        if any(one.compile != PLAIN for one in block.estimators):
            torch.compiler.reset()  # of what an earlier block has compiled
        self._problem: Any = None
        self._facts: Row = {}
        self._failed: Measurement | None = None  # what a problem that could not be made says of every cell
        self._firsts: dict[int, FirstCall] = {}  # of cells whose accuracy is still to come
        self._compiled: dict[int, SingleCall] = {}
        self._seconds: dict[int, float] = {}

    def first_call(self, cell: int, limits: Limits) -> Measurement | None:
        """Make the first call of a cell, so that `seconds` knows it. Its row, where it failed or does not fit."""
        found = self._attempt(cell, lambda: self._first(cell, limits))
        return found if isinstance(found, Measurement) else None

    def seconds(self, cell: int) -> float:
        """Of the first call, or until it had to stop; 0 where it was not begun."""
        return self._seconds.get(cell, 0.0)

    def accuracy(
        self, cell: int, kept: bytes = b"", limits: Limits = NO_LIMITS, unfinished: Path | None = None
    ) -> Measurement:
        """First call, counted work, draws, metrics and claims of one cell.

        Args:
            kept: draws to begin with, as packed by an earlier measurement.
            unfinished: a file for its training runs, from which they go on where one was interrupted.
        """
        training = None if unfinished is None else Unfinished(unfinished)
        found = self._attempt(cell, lambda: self._measure(cell, unpack(kept), limits, training))
        if isinstance(found, Measurement):
            return found
        row, draws = found
        return Measurement(self.block, cell, "accuracy", row, pack(draws, self.settings.keep_draws))

    def _attempt(self, cell: int, work: Callable[[], T]) -> T | Measurement:
        """What some work on a cell gives, or the row that says why there is nothing."""
        block = self.block
        with self._conditions():
            self._prepare(cell)
            if self._failed is not None:
                row = self._failed.row | {"host": platform.node()}
                return Measurement(block, cell, "accuracy", row, traceback=self._failed.traceback)
            try:
                with untouched() as faults:
                    found = work()
                if faults:
                    raise ContractError("; ".join(faults))
            except (Exception, SystemExit) as error:  # a plugin's estimator may fail in any way
                row = self._facts | self._failure(error) | {"host": platform.node()}
                failed = Measurement(block, cell, "accuracy", row, traceback=_traceback(error))
                error.__traceback__ = None  # its frames hold the tensors of the call
                release(block.device)
                return failed
            return found

    def times(self, cells: Sequence[int], limits: Limits = NO_LIMITS) -> list[Measurement]:
        """The times of some cells in one interleaved run; a cell that fails by then has a row that says so.

        One that there is no time for has the time of the one call that was made of it, without an interval.
        """
        block, settings = self.block, self.settings
        if not cells or settings.rounds == 0:
            return []
        self._prepare(cells[0])
        if self._failed is not None:
            return [Measurement(block, cell, "time", dict(self._failed.row)) for cell in cells]
        calls = [self._call(cell) for cell in cells]
        known = [self.seconds(cell) for cell in cells]
        with self._conditions():
            for index, (cell, call) in enumerate(zip(cells, calls, strict=True)):
                if not limits.limited or known[index] < min(LONG, limits.left()):
                    self._watch(cell, "first call" if call.mode == PLAIN else COMPILING)
                    known[index] = warmed(call)
            watches = time_block(
                calls,
                block.device,
                settings.rounds,
                chunk_seed(settings.seed, block.key, SINGLE_CALLS),
                settings.threads,
                settings.time_limit,
                lambda index: self._watch(cells[index], "timing"),
                limits,
                known,
                settings.cache == "cold",
            )
            kernels = [
                kernels_of(call, limits) if watch.error is None else None
                for call, watch in zip(calls, watches, strict=True)
            ]
        clock = watches[cells.index(block.baseline)] if block.baseline in cells else None
        found = []
        for cell, watch, worked in zip(cells, watches, kernels, strict=True):
            if watch.error is not None:
                row = self._failure(watch.error, "while timed: ")
                found.append(Measurement(block, cell, "time", row, traceback=_traceback(watch.error)))
            else:
                found.append(Measurement(block, cell, "time", times(watch, clock, settings, worked)))
        return found

    @contextmanager
    def _conditions(self) -> Iterator[None]:
        """Threads, products and the compiler, as everything in the block is measured with."""
        block, modes = self.block, {one.compile for one in self.block.estimators}
        with pinned(self.settings.threads), products(block.device, block.dtype), compiling(modes):
            yield

    def _prepare(self, cell: int) -> None:
        """Make the problem, once. Sets `_failed` where that does not work."""
        if self._problem is not None or self._failed is not None:
            return
        row, trace, step = {}, "", PROBLEM
        unavailable = why_unavailable(self.block.device, self.block.dtype)
        if unavailable:
            missing = why_missing(self.block.device) is not None
            row = {"status": "unsupported", "reason": unavailable, "device_missing": missing}
        else:
            try:
                self._watch(cell, step)
                warm_up(self.block.device)
                problem = self.block.problem.build(plugin_host.current()).at(self.block.device, self.block.dtype)
                self._watch(cell, step := TRUTH)
                self._facts = _facts(problem)
                self._watch(cell, step := DATA)
                problem.prepare()
                self._problem = problem
            except BadProblemError as error:
                row = {"status": "bad_problem", "reason": str(error)}
            except (Exception, SystemExit) as error:  # a plugin's problem may fail in any way
                row = self._failure(error, f"{step}: ")
                if row["status"] != "unsupported":
                    row, trace = {"status": "bad_problem", "reason": f"{step}: {_reason(error)}"}, _traceback(error)
        if row:
            self._failed = Measurement(self.block, cell, "accuracy", row, traceback=trace)

    def _failure(self, error: BaseException, when: str = "") -> Row:
        """Status and reason of what raised. To need a precision that the device lacks is no fault of a method."""
        if isinstance(error, Unsupported):
            return {"status": "unsupported", "reason": f"{when}{error}"}
        if isinstance(error, NotWithinLimitsError):
            return {"status": error.status, "reason": f"{when}{error}"}
        if lacks_precision(self.block.device, error):
            return {"status": "unsupported", "reason": f"{when}needs float64, which {self.block.device} has not"}
        status = "out_of_memory" if _is_out_of_memory(error) else "failed"
        return {"status": status, "reason": when + _reason(error)}

    def _stream(self) -> torch.Generator:
        """The randomness of single calls, the same for every cell."""
        return generator(self.block.device, chunk_seed(self.settings.seed, self.block.key, SINGLE_CALLS))

    def _call(self, cell: int) -> SingleCall:
        """Of a cell, as it is timed: compiled where it is. What has been compiled stays so."""
        component = self.block.estimators[cell]
        if component.compile == PLAIN:
            return SingleCall(component, self._problem, self._stream())
        if cell not in self._compiled:
            self._compiled[cell] = SingleCall(component, self._problem, self._stream(), component.compile)
        call = self._compiled[cell]
        call.stream.set_state(self._stream().get_state())
        return call

    def _compile(self, cell: int, plain: SingleCall) -> tuple[SingleCall, Row]:
        """The call of a cell whose plain call has been made, compiled where that is asked for, with its columns."""
        mode, device = self.block.estimators[cell].compile, self.block.device
        if mode == PLAIN:
            return plain, {}
        refused = why_not(mode, device)
        if refused:
            raise Unsupported(refused)
        self._watch(cell, COMPILING)
        call = self._call(cell)
        found = settle(partial(seconds_of, call), mode)
        check_estimate(call(), self._problem)
        if draws_afresh(call) != draws_afresh(plain):
            raise ContractError("compiled, it does not use its generator as the plain call does")
        peak = peak_of(call, device) if meter(device) is not None else None  # compiled storages are seen by nobody else
        memory = {"peak_bytes": peak and peak.allocated, "reserved_bytes": peak and peak.reserved}
        return call, found.columns | memory

    def _first(self, cell: int, limits: Limits, training: Unfinished | None = None) -> FirstCall:
        """The first call, once: a plain one, so that a method that fails by itself is told from its compilation."""
        if cell not in self._firsts:
            allowed = limits.for_first_call()
            self._watch(cell, "building")
            call = SingleCall(self.block.estimators[cell], self._problem, self._stream())
            _ = call.estimator
            self._watch(cell, "first call")
            start = time.perf_counter()
            try:
                with loading() as loaded, watched(allowed), counting() as counts, resumed(training) as earlier:
                    value = call()
                synchronise(self.block.device)
            finally:
                self._seconds[cell] = time.perf_counter() - start - loaded.seconds + earlier.seconds
            check_estimate(value, self._problem)
            self._firsts[cell] = FirstCall(call, value, self._seconds[cell], dict(counts))
        return self._firsts[cell]

    def _measure(
        self, cell: int, kept: KeptDraws, limits: Limits, training: Unfinished | None
    ) -> tuple[Row, KeptDraws]:
        block, problem = self.block, self._problem
        plain, first, first_seconds, counts = self._first(cell, limits, training)
        del self._firsts[cell]
        limits.afford(first_seconds, lambda: seconds_of(plain))
        columns = tuple(read(problem, plain.estimator, first)) if reads(problem, plain.estimator) else ()
        self._watch(cell, "counting work")
        with_flops = not limits.limited or first_seconds < LONG
        if isinstance(problem, FitProblem):
            work = work_of_training(plain, block.device, counts, problem.steps, with_flops)
        else:
            work = measure_work(plain, block.device, with_flops)
        limits.fits(work.peak_bytes)
        call, compilation = self._compile(cell, plain)
        estimator = call.estimator
        settings = self._hurried(limits)
        chunk = kept.chunk or chunk_of(work.peak_bytes, block.device)
        drawer = Drawer(estimator, problem, chunk, columns, call is not plain)
        if kept.path:
            drawer.path, drawer.fallback, drawer.random = kept.path, kept.fallback, kept.random
        if not limits.limited and not kept.values:
            self._watch(cell, "warming up")
            drawer.warm_up()
        self._watch(cell, "drawing")
        with resumed(training) as earlier:
            sample = take_sample(drawer, block.key, settings, kept)
        self._watch(cell, "statistics")
        row = {
            **self._facts,
            "status": "ok",
            "reason": "",
            "host": platform.node(),
            "time_first": first_seconds,
            **_work_columns(work),
            **compilation,
            "draws": len(sample.draws),
            "pilot_draws": sample.pilot,
            "draw_path": drawer.path,
            "draw_chunk": drawer.chunk,
            "draw_fallback": drawer.fallback,
            "draw_time": sample.seconds + earlier.seconds,
            "stopped": sample.stopped,
            **finiteness(sample.draws, settings.confidence),
        }
        if row["status"] == "ok":
            row |= accuracy(sample, problem, settings)
            row |= claims(sample, problem, work.counts, settings, estimator)
            with resumed(training):
                row |= self._second_look(cell, row["claims"], drawer, work, kept, limits)
        kept.path, kept.chunk, kept.fallback = drawer.path, drawer.at_once, drawer.fallback
        kept.random = sample.random
        kept.squared_errors = squared_errors(sample.draws, problem)
        return row, kept

    def _hurried(self, limits: Limits) -> Settings:
        """The settings, with no more time for draws than there is."""
        return replace(self.settings, time_limit=min(self.settings.time_limit, max(limits.share * limits.left(), 0.0)))

    def _second_look(
        self, cell: int, doubtful: list[Row], drawer: Drawer, work: Work, kept: KeptDraws, limits: Limits
    ) -> Row:
        """Doubtful claims tested again on fresh draws, and those that stay doubtful once more on many."""
        for size in LOOKS:
            if not is_doubtful(doubtful):
                break
            self._watch(cell, "drawing again")
            again = take_again(drawer, self.block.key, self._hurried(limits), kept, size)
            self._watch(cell, "statistics")
            row = finiteness(again.draws, self.settings.confidence)
            if "status" in row:
                return row
            found = claims(again, drawer.problem, work.counts, self.settings, drawer.estimator)
            doubtful = confirmed(doubtful, found["claims"])
        return {"claims": doubtful}


def _facts(problem: Any) -> Row:
    """Truth and its source. Raises `BadProblemError` for a truth that nothing can be compared with."""
    truth = settle_truth(problem)
    return {
        "truth_source": problem.truth_source,
        "truth_norm": float(truth.norm()),
        "truth_error": float(problem.truth_error),
        "components": truth.numel(),
        "rounding": rounding_tolerance(problem),
    }


def _work_columns(work: Work) -> Row:
    costs = {f"cost_{unit}": amount for unit, amount in sorted(work.counts.items())}
    return {**costs, "flops": work.flops, "peak_bytes": work.peak_bytes, "reserved_bytes": work.reserved_bytes}


def _is_out_of_memory(error: BaseException) -> bool:
    """torch's CPU allocator raises a plain RuntimeError."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error)


def _reason(error: BaseException) -> str:
    text = str(error).strip()
    first = text.splitlines()[0] if text else ""
    if isinstance(error, (ClaimError, ContractError, UserError)):
        return first
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _traceback(error: BaseException) -> str:
    """The traceback, unless the error explains itself."""
    if isinstance(error, (Unsupported, ContractError, NotWithinLimitsError, UserError)):
        return ""
    return "".join(traceback.format_exception(error))
