"""The engine of an assessment: it measures here and now, and ends in time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from estibench.engines import Context, Engine
from estibench.measure.bench import Bench
from estibench.measure.kept import read_kept
from estibench.measure.limits import Limits
from estibench.suite.plan import Measurement, Settings, Work

TIMING = 0.25  # of the time that is left at the beginning: kept for times


@dataclass(frozen=True)
class HurriedEngine(Engine):
    """Measures in this process, where the user's objects are, within limits.

    Every estimator is called once. From the cheapest to the dearest, each then has its share of the time that is left,
    so that what a cheap one does not need is there for a dear one; what costs too much has a row that says so.

    Attributes:
        limits: of the whole run.
    """

    limits: Limits = field(default_factory=Limits)

    def run(self, works: Iterable[Work], settings: Settings, context: Context) -> Iterator[Measurement]:
        for work in works:
            yield from self._block(work, settings, partial(context.watch, work.block))

    def _block(self, work: Work, settings: Settings, watch: Callable[[int, str], None]) -> Iterator[Measurement]:
        bench, limits = Bench(work.block, settings, watch), self.limits
        drawing = Limits(limits.until - TIMING * max(limits.left(), 0.0), limits.memory, clock=limits.clock)
        waiting, able = [], set(work.known)
        for cell in work.missing:
            failed = bench.first_call(cell, drawing)
            if failed is None:
                waiting.append(cell)
            else:
                yield failed
        waiting.sort(key=bench.seconds)
        for number, cell in enumerate(waiting):
            mine = Limits(drawing.until, limits.memory, 1 / (len(waiting) - number), limits.clock)
            found = bench.accuracy(cell, read_kept(work.kept.get(cell)), mine)
            yield found
            if found.row["status"] == "ok":
                able.add(cell)
        if able - set(work.timed):
            yield from bench.times(sorted(able), limits)
