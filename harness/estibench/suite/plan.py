"""The plan: what a suite expands to. Plain, frozen data that any engine can carry to another process."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from estibench.components import Component, canonical


@dataclass(frozen=True)
class Cell:
    """One row of the table: an estimator in a block."""

    estimator: Component
    problem: Component
    device: str
    dtype: str

    @cached_property
    def key(self) -> str:
        """Identity of the cell within a plan: problem, estimator, parameters, device and dtype."""
        what = [self.problem.name, self.problem.parameters, self.estimator.name, self.estimator.parameters]
        return digest([*what, self.device, self.dtype])


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
class Measurement:
    """What is known of a cell: its accuracy first and then, `final`, with its times."""

    cell: Cell
    row: dict[str, Any]
    final: bool


@dataclass(frozen=True)
class Settings:
    """How blocks are measured.

    Attributes:
        precision: stop drawing when the CI of the RMSE is narrower than ± this fraction of it.
        time_limit: seconds of drawing, and of timing, that one cell may take.
        threads: torch's intra-op threads, pinned for the whole run.
        draw_memory: bytes that one vectorised chunk of draws may take.
    """

    seed: int = 0
    precision: float = 0.05
    confidence: float = 0.95
    min_draws: int = 128
    max_draws: int = 4096
    time_limit: float = 60.0
    rounds: int = 11
    threads: int = 1
    draw_memory: int = 256 * 2**20


@dataclass(frozen=True)
class Plan:
    """A suite made ready to run."""

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

    @property
    def cells(self) -> int:
        """Number of rows that the run will have."""
        return sum(len(block.estimators) for block in self.blocks)


def digest(data: Any) -> str:
    """A short stable name for plain data: 16 hexadecimal digits of SHA-256."""
    return hashlib.sha256(canonical(data).encode()).hexdigest()[:16]
