"""The plan: what a suite expands to. Plain, frozen data that any engine can carry to another process."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from estibench.host.components import PLAIN, Component, canonical

PROBLEM, TRUTH, DATA = "the problem", "the problem's truth", "the problem's data"  # made in these steps,
OF_THE_PROBLEM = (PROBLEM, TRUTH, DATA)  # which are not the estimator's fault when they fail
COMPILING = "compiling"  # the step in which torch compiles an estimator: as long as the problem's steps may last


@dataclass(frozen=True)
class Cell:
    """One row of the table: an estimator in a block."""

    estimator: Component
    problem: Component
    device: str
    dtype: str

    @cached_property
    def identity(self) -> str:
        """Which cell it is: problem, estimator, parameters, device, dtype, and how it is compiled."""
        what = [self.problem.name, self.problem.parameters, self.estimator.name, self.estimator.parameters]
        compiled = [] if self.estimator.compile == PLAIN else [self.estimator.compile]
        return digest([*what, self.device, self.dtype, *compiled])


@dataclass(frozen=True)
class Block:
    """The cells that share problem, device and dtype: what is compared with what."""

    problem: Component
    task: str
    device: str
    dtype: str
    estimators: tuple[Component, ...]
    baseline: int | None

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """One cell for each estimator, in the suite's order."""
        return tuple(Cell(estimator, self.problem, self.device, self.dtype) for estimator in self.estimators)

    @cached_property
    def key(self) -> str:
        """Identity of the block; with the suite's seed it fixes all randomness in it."""
        return digest([self.problem.name, self.problem.parameters, self.device, self.dtype])


@dataclass(frozen=True)
class Work:
    """What is left to do of a block.

    Attributes:
        missing: cells whose accuracy is to be measured, as indices into `block.cells`.
        known: cells whose accuracy is known and ok: they take part in the timing.
        timed: cells whose times are known, of one interleaved run. The block is timed when another cell is ok.
        kept: files of draws from which the missing cells begin.
        unfinished: of the missing cells, where their training runs are kept while they last.
    """

    block: Block
    missing: tuple[int, ...]
    known: tuple[int, ...] = ()
    timed: tuple[int, ...] = ()
    kept: Mapping[int, Path] = field(default_factory=dict)
    unfinished: Mapping[int, Path] = field(default_factory=dict)

    @property
    def may_time(self) -> bool:
        """Whether the block is timed if its missing cells turn out ok."""
        return bool({*self.missing, *self.known} - {*self.timed})


@dataclass(frozen=True)
class Measurement:
    """What an engine found out about a cell.

    Attributes:
        cell: index into `block.cells`.
        part: its accuracy, or its times beside those of the block's others.
        row: columns of the table, `status` and `reason` in every accuracy.
        draws: what `estibench.measure.kept` packs, to be kept beside the row.
        traceback: of a cell that failed.
    """

    block: Block
    cell: int
    part: Literal["accuracy", "time"]
    row: dict[str, Any]
    draws: bytes = b""
    traceback: str = ""


@dataclass(frozen=True)
class Settings:
    """How blocks are measured.

    Attributes:
        precision: stop drawing when the CI of the RMSE is narrower than ± this fraction of it.
        time_limit: seconds of drawing, and of timing, that one cell may take.
        problem_limit: seconds that a problem may take to find its truth, as many to make its data, and as many for an
            estimator to be compiled.
        memory_limit: bytes that the process of a cell may take; None leaves the choice to the engine.
        threads: torch's intra-op threads, pinned for the whole run.
        cache: of an accelerator, when a call is timed: `warm`, or `cold` where it is emptied before each.
        keep_draws: bytes of draws that are kept of one cell, so that more draws can be added to them.
    """

    seed: int = 0
    precision: float = 0.05
    confidence: float = 0.95
    min_draws: int = 128
    max_draws: int = 4096
    time_limit: float = 60.0
    problem_limit: float = 600.0
    memory_limit: int | None = None
    rounds: int = 11
    cache: Literal["warm", "cold"] = "warm"
    threads: int = 1
    keep_draws: int = 16 * 2**20


@dataclass(frozen=True)
class Expected:
    """How a cell is expected to end, that cannot be measured.

    Attributes:
        status: of its row, other than ok.
        why: the reason, for a reader of the table.
        entry: position of the suite's entry that says so.
    """

    status: str
    why: str
    entry: int


@dataclass(frozen=True)
class Plan:
    """A suite made ready to run.

    Attributes:
        expected: by a cell's identity, of the cells of which the suite expects something.
    """

    name: str
    title: str
    description: str
    path: Path
    text: str
    blocks: tuple[Block, ...]
    settings: Settings
    devices_auto: bool
    scaling: tuple[dict[str, Any], ...]
    break_even: tuple[dict[str, Any], ...]
    tables: tuple[dict[str, Any], ...]
    plots: tuple[dict[str, Any], ...]
    budgets: Mapping[str, list[float]] = field(default_factory=dict)
    expected: Mapping[str, Expected] = field(default_factory=dict)

    @property
    def cells(self) -> int:
        """Number of rows that the run will have."""
        return sum(len(block.estimators) for block in self.blocks)


def digest(data: Any) -> str:
    """A short stable name for plain data: 16 hexadecimal digits of SHA-256."""
    return hashlib.sha256(canonical(data).encode()).hexdigest()[:16]
