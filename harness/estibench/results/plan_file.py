"""The cells of a run's plan, in the order of the table: what its rows are, and what is still missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from estibench.errors import UserError
from estibench.plain import from_json, to_json
from estibench.results.files import write_whole

FILE = "plan.jsonl"


@dataclass(frozen=True)
class PlannedCell:
    """A row to be.

    Attributes:
        identity: the columns that say which cell it is.
        block: name of its block, whose times must be of one interleaved run.
        accuracy, timing: digests of the settings that its records must have; no timing, no times.
        baseline: key of the cell that its times must be compared with.
    """

    key: str
    identity: Mapping[str, Any]
    block: str
    accuracy: str
    timing: str
    baseline: str


FIELDS = tuple(field.name for field in fields(PlannedCell))


def write_plan(directory: Path, cells: Sequence[PlannedCell]) -> None:
    """Replace the plan of a run."""
    lines = (to_json({name: getattr(cell, name) for name in FIELDS}) for cell in cells)
    write_whole(directory / FILE, "".join(f"{line}\n" for line in lines))


def read_plan(directory: Path) -> list[PlannedCell] | None:
    """The cells, or None where there is no plan. Raises `UserError` for a file that cannot be read."""
    path = directory / FILE
    try:
        with path.open("rb") as file:  # which only "\n" ends, as they were written
            lines = file.readlines()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{path}: cannot read: {error.strerror}") from error
    try:
        cells = [PlannedCell(**from_json(line)) for line in lines]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: damaged; run the suite again into this directory: nothing is measured twice"
        ) from error
    return cells
