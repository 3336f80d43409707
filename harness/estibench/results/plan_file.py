"""The cells of a run's plan, in the order of the table: what its rows are, and what is still missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from estibench.errors import UserError
from estibench.plain import from_json, to_json

FILE = "plan.jsonl"


@dataclass(frozen=True)
class PlannedCell:
    """A row to be.

    Attributes:
        identity: the columns that say which cell it is.
        block: name of its block, whose times must be of one interleaved run.
        accuracy, timing: digests of the settings that its records must have; no timing, no times.
        baseline: key of the cell that its times must be compared with.
        made_of: what the key is made of, as names in the run's table of ingredients.
        before: what the cell was made of when it was last measured, where that is something else.
    """

    key: str
    identity: Mapping[str, Any]
    block: str
    accuracy: str
    timing: str
    baseline: str
    made_of: tuple[str, ...] = ()
    before: tuple[str, ...] = ()


FIELDS = tuple(field.name for field in fields(PlannedCell))


def plan_text(cells: Sequence[PlannedCell]) -> str:
    """The content of the file."""
    return "".join(to_json({name: getattr(cell, name) for name in FIELDS}) + "\n" for cell in cells)


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
        cells = [_planned(from_json(line)) for line in lines]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: damaged; run the suite again into this directory: nothing is measured twice"
        ) from error
    return cells


def _planned(data: dict[str, Any]) -> PlannedCell:
    sets = {name: tuple(map(str, data.get(name, ()))) for name in ("made_of", "before")}
    return PlannedCell(**data | sets)
