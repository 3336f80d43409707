"""The cells of a run's plan, in the order of the table: what its rows are, and what is still missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
        timed: whether it is to be timed if it can be measured.
    """

    key: str
    identity: Mapping[str, Any]
    timed: bool


def write_plan(directory: Path, cells: Sequence[PlannedCell]) -> None:
    """Replace the plan of a run."""
    lines = (to_json({"key": cell.key, "timed": cell.timed, **cell.identity}) for cell in cells)
    write_whole(directory / FILE, "".join(f"{line}\n" for line in lines))


def read_plan(directory: Path) -> list[PlannedCell] | None:
    """The cells, or None where there is no plan. Raises `UserError` for a file that cannot be read."""
    path = directory / FILE
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"{path}: cannot read: {error.strerror}") from error
    try:
        cells = []
        for line in lines:
            identity = dict(from_json(line))
            cells.append(PlannedCell(identity.pop("key"), identity, bool(identity.pop("timed"))))
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: damaged; run the suite again into this directory: nothing is measured twice"
        ) from error
    return cells
