"""Who does what next. Accuracy in parallel, a block's cells by one worker where that is possible; timing alone."""

from __future__ import annotations

import platform
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from estibench.engines.supervisor import STARTING, Death, Job
from estibench.suite.plan import OF_THE_PROBLEM, Measurement, Work


class Schedule:
    """The open jobs of a run. Knows no process: workers ask for jobs and report.

    Args:
        works: taken one by one, as workers become free.
        at_once: whether a block is timed as soon as its accuracy is known (with a single worker), or after all others'.
    """

    def __init__(self, works: Iterable[Work], at_once: bool) -> None:
        self._works = iter(works)
        self._at_once = at_once
        self._open: list[_Open] = []  # blocks with cells that nobody has begun
        self._to_time: deque[_Open] = deque()
        self._of_job: dict[Job, _Open] = {}
        self._last: dict[str, _Open] = {}  # the block that a worker has at hand

    def next(self, worker: str) -> Job | None:
        """A job for an idle worker, or None: nothing to do until others have reported."""
        if self._at_once and self._to_time:
            return self._timing() if not self._of_job else None
        one = self._next_block(worker)
        if one is not None:
            self._last[worker] = one
            cell = one.waiting.popleft()
            work = one.work
            job = Job(work.block, "accuracy", (cell,), work.kept.get(cell), work.unfinished.get(cell))
            self._of_job[job] = one
            if not one.waiting:
                self._open.remove(one)
            return job
        return self._timing() if self._to_time and not self._of_job else None

    def take(self, job: Job, found: Measurement) -> Iterator[Measurement]:
        """A measurement has come. Times are held back until the block's are complete: they compare with each other."""
        one = self._of_job[job]
        if found.part == "time":
            one.times.append(found)
            return
        one.left.discard(found.cell)
        if found.row["status"] == "ok":
            one.able.add(found.cell)
        yield found
        one.proven = True
        if found.row["status"] == "bad_problem":  # every other cell of the block would meet the same
            yield from self._give_up(one, (), found.row, found.traceback)

    def begun(self, job: Job, step: str) -> None:
        """What the worker does now. Once that is the estimator's affair, the block's problem is known to be good."""
        if step not in (STARTING, *OF_THE_PROBLEM):
            self._of_job[job].proven = True

    def done(self, job: Job) -> Iterator[Measurement]:
        """The job has ended well."""
        one = self._of_job.pop(job)
        if job.do == "accuracy":
            self._queue_timing(one)
        yield from one.times

    def died(self, job: Job, death: Death) -> Iterator[Measurement]:
        """The job has ended badly: the rows of the cells that this costs. The others of a timing are timed again."""
        one = self._of_job.pop(job)
        row = {"status": death.status, "reason": death.reason, "host": platform.node()}
        if job.do == "accuracy":
            cells = [cell for cell in job.cells if cell in one.left]
            if death.step in OF_THE_PROBLEM:
                yield from self._give_up(one, cells, row, death.traceback)
            else:
                yield from _rows(one, cells, row, death.traceback)
            self._queue_timing(one)
            return
        alone = death.step not in OF_THE_PROBLEM and death.cell in one.able
        cells = [death.cell] if alone else sorted(one.able)
        one.able.difference_update(cells)
        one.times.clear()
        row = {"status": death.status, "reason": f"while timed: {death.reason}"}
        for cell in cells:
            yield Measurement(one.work.block, cell, "time", dict(row), traceback=death.traceback)
        if one.able:
            self._to_time.appendleft(one)

    def _give_up(self, one: _Open, cells: Sequence[int], row: dict[str, Any], traceback: str) -> Iterator[Measurement]:
        """The rows of these cells and of all that nobody has begun: their problem cannot be made."""
        if one in self._open:
            self._open.remove(one)
        cells = [*cells, *one.waiting]
        one.waiting.clear()
        yield from _rows(one, cells, row, traceback)

    def _next_block(self, worker: str) -> _Open | None:
        """The worker's own block, else a new one, else the one with the most waiting cells.

        Nobody joins a block while another worker makes its problem: is it a bad one, it has been tried once.
        """
        own = self._last.get(worker)
        if own is not None and own in self._open:
            return own
        for work in self._works:
            one = _Open(work)
            if one.waiting:
                self._open.append(one)
                return one
            self._queue_timing(one)
            if self._at_once and self._to_time:
                return None
        begun = {*self._of_job.values()}
        open_to_all = (one for one in self._open if one.proven or one not in begun)
        return max(open_to_all, key=lambda one: len(one.waiting), default=None)

    def _queue_timing(self, one: _Open) -> None:
        if not one.left and one.able - set(one.work.timed):
            self._to_time.append(one)

    def _timing(self) -> Job:
        one = self._to_time.popleft()
        job = Job(one.work.block, "times", tuple(sorted(one.able)))
        self._of_job[job] = one
        return job


def _rows(one: _Open, cells: Sequence[int], row: dict[str, Any], traceback: str) -> Iterator[Measurement]:
    """The same row for cells whose accuracy will not be known."""
    for cell in cells:
        one.left.discard(cell)
        yield Measurement(one.work.block, cell, "accuracy", dict(row), traceback=traceback)


class _Open:
    """A block on its way.

    Attributes:
        waiting: cells that nobody has begun.
        left: cells whose accuracy is not known yet, those begun included.
        able: cells whose accuracy is ok.
        times: what has come of the block's timing.
        proven: whether its problem is known to be good.
    """

    def __init__(self, work: Work) -> None:
        self.work = work
        self.waiting = deque(work.missing)
        self.left = set(work.missing)
        self.able = set(work.known)
        self.times: list[Measurement] = []
        self.proven = bool(work.known)
