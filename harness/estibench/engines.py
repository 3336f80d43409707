"""Engines execute the blocks of a plan. The serial one does it here and now."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

from estibench.measure import measure_block
from estibench.suite.plan import Block, Measurement, Settings


class Engine(ABC):
    """Executes blocks. Every engine calls the same `measure_block`, so all of them measure the same numbers."""

    @abstractmethod
    def run(self, blocks: Iterable[Block], settings: Settings) -> Iterator[Measurement]:
        """Rows as they become known; a cell may come again with more columns, and the later row replaces it."""


class SerialEngine(Engine):
    """One block after another, in this process."""

    def run(self, blocks: Iterable[Block], settings: Settings) -> Iterator[Measurement]:
        for block in blocks:
            yield from measure_block(block, settings)
