"""The serial engine: one block after another, in this process. For debuggers: nothing is isolated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from estibench.engines.contract import Context, Engine
from estibench.measure import measure
from estibench.suite.plan import Measurement, Settings, Work


@dataclass(frozen=True)
class SerialEngine(Engine):
    """Measures here and now. Time limits are soft, and a crash ends the run."""

    def run(self, works: Iterable[Work], settings: Settings, context: Context) -> Iterator[Measurement]:
        for work in works:
            yield from measure(work, settings, partial(context.watch, work.block))
