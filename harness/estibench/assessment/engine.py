"""The engine of an assessment: it measures here and now, and ends in time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from estibench.engines import Context, Engine
from estibench.measure.bench import Bench
from estibench.measure.kept import read_kept
from estibench.measure.limits import MORE_CALLS, Limits
from estibench.suite.plan import Measurement, Settings, Work

MOST = 1 / (1 + MORE_CALLS)  # of the time: what one call may take if it is to be made as often as it must
LEAST = 0.25  # of the time that is left: what is spent on draws, even if not all can then be measured
TIMING = 0.25  # of the time that is left at the beginning: kept for times


@dataclass(frozen=True)
class HurriedEngine(Engine):
    """Measures in this process, where the user's objects are, within limits.

    Every estimator is called once, for no longer than a part of the time; the exact method, which comes first in a
    ladder, for longer. From the cheapest to the dearest, each then has its share of what the calls that all of them
    must make leave. Those that took too long are tried again at the end; what costs too much even then has a row that
    says so.

    Attributes:
        limits: of the whole run.
    """

    limits: Limits = field(default_factory=Limits)

    def run(self, works: Iterable[Work], settings: Settings, context: Context) -> Iterator[Measurement]:
        for work in works:
            yield from self._block(work, settings, partial(context.watch, work.block))

    def _block(self, work: Work, settings: Settings, watch: Callable[[int, str], None]) -> Iterator[Measurement]:
        bench, limits, able = Bench(work.block, settings, watch), self.limits, set(work.known)
        drawing = replace(limits, until=limits.until - TIMING * max(limits.left(), 0.0))
        waiting: list[int] = []
        late: dict[int, Measurement] = {}
        for number, cell in enumerate(work.missing):
            part = 1 / (2 * len(work.missing) - number)  # a half for all of them, and more for the exact method
            mine = replace(drawing, first=max(part, MOST) if number == 0 else part)
            failed = bench.first_call(cell, mine)
            if failed is None:
                waiting.append(cell)
            elif failed.row["status"] == "timeout":
                late[cell] = failed
            else:
                yield failed
        waiting.sort(key=bench.seconds)
        order = [*waiting, *sorted(late, key=bench.seconds)]
        for number, cell in enumerate(order):
            needed = sum(MORE_CALLS * bench.seconds(other) for other in order[number:])
            spare = max(1 - needed / max(drawing.left(), 1e-9), LEAST)
            mine = replace(drawing, share=spare / (len(order) - number), first=MOST)
            if cell in late and bench.seconds(cell) >= mine.first * mine.left():  # it would only stop again
                yield late[cell]
                continue
            found = bench.accuracy(cell, read_kept(work.kept.get(cell)), mine)
            yield found
            if found.row["status"] == "ok":
                able.add(cell)
        if able - set(work.timed):
            yield from bench.times(sorted(able), limits)
