"""What the last plan in a run's directory says of cells that are to be measured again: what they were made of."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any

from estibench.errors import UserError
from estibench.results.ingredients import Table, read_table
from estibench.results.plan_file import PlannedCell, read_plan

WHO = ("problem", "estimator", "device", "dtype")  # columns that tell the cells of a suite apart


class Former:
    """The last plan.

    Args:
        measured: keys and parts of what is stored.
    """

    def __init__(self, directory: Path, measured: Container[tuple[str, str]]) -> None:
        try:
            cells = read_plan(directory) or []
        except UserError:  # damaged; it will be replaced
            cells = []
        self._cells = {_who(cell.identity): cell for cell in cells}
        self._table = read_table(directory) if cells else Table()
        self._measured = measured

    def made_of(self, identity: Mapping[str, Any], key: str) -> tuple[str, ...]:
        """What the cell was made of when it was last measured, under another key; empty where it never was."""
        cell = self._cells.get(_who(identity))
        if cell is None:
            return ()
        return cell.made_of if cell.key != key and (cell.key, "accuracy") in self._measured else cell.before

    def sets(self, cells: Iterable[PlannedCell]) -> dict[str, Mapping[str, str]]:
        """The former sets of ingredients that new cells still speak of."""
        names = {name for cell in cells for name in cell.before}
        return {name: self._table.sets[name] for name in sorted(names) if name in self._table.sets}


def _who(identity: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(identity.get(name) for name in WHO)
