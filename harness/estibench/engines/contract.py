"""The contract of an engine: a way to execute what is left to do of a plan."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from estibench.suite.plan import Block, Measurement, Settings, Work


@dataclass(frozen=True)
class Context:
    """What a run gives its engine besides the work.

    Attributes:
        logs: folder for what estimators print; made by whoever first writes to it.
        plugins: the host's `-p` options, for processes that start a host of their own.
        watch: may be told what is being done now: a block, one of its cells and the step, such as `"drawing"`.
        kinds: what the engine's `kinds` has said when the run began.
    """

    logs: Path = field(default_factory=Path)
    plugins: tuple[str, ...] = ()
    watch: Callable[[Block, int, str], None] = lambda block, cell, step: None
    kinds: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Engine(ABC):
    """Executes work. A frozen dataclass: its fields are its options, `bench run --engine NAME -E option=value`.

    Every engine measures by `estibench.measure`, so all of them measure the same numbers.
    """

    def kinds(self, devices: Sequence[str]) -> Mapping[str, str] | None:
        """The kinds of the processors that will measure, by device; None where they are those of this machine.

        They are part of the keys, as each kind rounds in its own way. Asked once, before `run`.
        """
        return None

    @abstractmethod
    def run(self, works: Iterable[Work], settings: Settings, context: Context) -> Iterator[Measurement]:
        """Yields the accuracy of every missing cell as it becomes known; then, by block, the times.

        A block's times come after all of its accuracies: those of all its cells whose accuracy is ok, measured in one
        interleaved run, unless all of them are in `work.timed` or the suite wants no times. Raises `UserError` when the
        engine cannot work at all.
        """
