"""The local engine: supervised worker processes on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait

import psutil

from estibench.contracts.parameters import PositiveInt
from estibench.engines.contract import Context, Engine
from estibench.engines.schedule import Schedule
from estibench.engines.supervisor import Death, Supervisor, memory_limit
from estibench.suite.plan import Measurement, Settings, Work

ROOM = 2 * 2**30  # bytes that each of several workers shall have
LOOK = 0.1  # seconds between two looks at the workers …
LOOK_AT_TIMING = 0.5  # … and at one that is timing, which is not to be disturbed


@dataclass(frozen=True)
class LocalEngine(Engine):
    """Workers are reused while they are healthy. What hangs, crashes or eats memory costs its cell and no other.

    Options:
        jobs: workers that measure accuracy at the same time; by default as many as the machine has cores and memory
            for, and one for an accelerator. Timing is always alone on the machine: with one worker block by block,
            with several after all accuracy is known.
    """

    jobs: PositiveInt | None = None

    def run(self, works: Iterable[Work], settings: Settings, context: Context) -> Iterator[Measurement]:
        works = tuple(works)
        jobs = self.jobs or _as_many_as_fit(works, settings)
        limit = memory_limit(settings, jobs)
        workers = [Supervisor(f"worker-{number}", settings, context, limit) for number in range(1, jobs + 1)]
        try:
            yield from supervise(works, workers)
        finally:
            for worker in workers:
                worker.stop()


def _as_many_as_fit(works: Sequence[Work], settings: Settings) -> int:
    """Workers that do not slow each other down, each with room for what a cell takes as a rule."""
    if any(work.block.device != "cpu" for work in works):
        return 1
    cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    with suppress(AttributeError):  # where the system does not say which cores are ours
        cores = min(cores, len(psutil.Process().cpu_affinity()))
    room = memory_limit(settings, 1) // ROOM if settings.memory_limit is None else cores
    return max(1, min(cores // settings.threads, room, sum(len(work.missing) for work in works)))


def supervise(works: Iterable[Work], workers: Sequence[Supervisor]) -> Iterator[Measurement]:
    """Do the work with these workers, which are left running where they are healthy."""
    schedule = Schedule(works, at_once=len(workers) == 1)
    while True:
        for worker in workers:
            if worker.job is None and (job := schedule.next(worker.name)) is not None:
                if job.do == "times":
                    _dismiss(workers, worker)
                worker.start(job)
        busy = [worker for worker in workers if worker.job is not None]
        if not busy:
            return
        timing = any(worker.job is not None and worker.job.do == "times" for worker in busy)
        wait([worker.connection for worker in busy if worker.connection], LOOK_AT_TIMING if timing else LOOK)
        for worker in busy:
            assert worker.job is not None
            if (notice := worker.begun()) is not None:
                schedule.begun(worker.job, notice.step)
                worker.context.watch(worker.job.block, notice.cell, notice.step)
            yield from _reports(worker, schedule)


def _dismiss(workers: Sequence[Supervisor], timing: Supervisor) -> None:
    """Leave the machine to the worker that times."""
    for worker in workers:
        if worker is not timing:
            worker.stop()


def _reports(worker: Supervisor, schedule: Schedule) -> Iterator[Measurement]:
    """What has come of a worker's job."""
    job = worker.job
    assert job is not None
    for report in worker.look():
        if report is None:
            yield from schedule.done(job)
        elif isinstance(report, Death):
            yield from schedule.died(job, report)
        else:
            yield from schedule.take(job, report)
