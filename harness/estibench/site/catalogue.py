"""What is published: runs, and the tasks, problems, estimators and machines that occur in them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estibench.errors import UserError
from estibench.results.published import TABLE_FILE
from estibench.results.run_directory import RUN_FILE, Results

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Machine:
    """A kind of machine, whoever owns it: two of the same processor, cores and accelerators are one."""

    processor: str
    cores: str
    accelerators: str

    @property
    def title(self) -> str:
        cores = f"{self.processor}, {self.cores} cores"
        return f"{cores}, {self.accelerators}" if self.accelerators else cores

    @property
    def slug(self) -> str:
        return slug(self.title)


@dataclass(frozen=True)
class Run:
    """A published run and the folder that it has in the site."""

    folder: str
    results: Results

    @property
    def suite(self) -> str:
        return str(self.results.about.get("suite") or self.folder)

    @property
    def title(self) -> str:
        return str(self.results.about.get("title") or self.suite)

    @property
    def started(self) -> str:
        return str(self.results.about.get("started") or "")

    @property
    def machine(self) -> Machine:
        about: Mapping[str, Any] = self.results.about.get("machine") or {}
        accelerators = ", ".join(map(str, about.get("accelerators") or []))
        return Machine(str(about.get("processor") or "unknown"), str(about.get("cores") or "?"), accelerators)

    @property
    def tasks(self) -> list[str]:
        return list(dict.fromkeys(map(str, self.results.frame["task"])))


@dataclass(frozen=True)
class Catalogue:
    """All runs of a site, newest first within a suite."""

    runs: tuple[Run, ...]

    @cached_property
    def cells(self) -> pd.DataFrame:
        """The rows of all runs, with the columns `run` (its folder) and `machine` (its slug)."""
        import pandas as pd

        parts = [run.results.frame.assign(run=run.folder, machine=run.machine.slug) for run in self.runs]
        # A copy has the columns of a type side by side; without, pandas warns whoever adds one.
        return pd.concat(parts, ignore_index=True).copy() if parts else pd.DataFrame()

    @property
    def machines(self) -> dict[str, Machine]:
        """Machines by slug."""
        return {run.machine.slug: run.machine for run in self.runs}

    def names(self, column: str) -> list[str]:
        """The different values of a column, in the order of the runs."""
        return list(dict.fromkeys(map(str, self.cells[column]))) if self.runs else []

    def of(self, column: str, name: str) -> pd.DataFrame:
        """The rows that have this value."""
        return self.cells[self.cells[column].astype(str) == name].reset_index(drop=True)


def slug(text: str) -> str:
    """A file name for any text: letters, digits and dashes; a digest where that loses something that tells apart."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower()[:60]
    exact = re.fullmatch(r"[a-z0-9_ ]+", text) is not None
    if exact:
        return text.replace(" ", "-")
    return f"{plain or 'x'}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def shelve(site: Path, new: Iterable[Path], told: Callable[[str], None]) -> tuple[Catalogue, list[Run]]:
    """The catalogue of a site with new runs in it, and these runs.

    A run replaces an earlier one of the same suite, machine and devices; those of other machines stand beside it.

    Args:
        told: hears what the site holds and cannot be read.

    Raises:
        UserError: a directory holds no run, or none with a finished cell.
    """
    shelf = {_identity(run): run for run in _published(site, told)}
    taken = {run.folder for run in shelf.values()}
    added = []
    for directory in new:
        results = Results.read(directory)
        if results.frame.empty:
            raise UserError(f"{directory}: the run has no rows yet")
        identity = _identity(Run("", results))
        folder = shelf[identity].folder if identity in shelf else _free(str(results.about.get("suite") or "run"), taken)
        taken.add(folder)
        shelf[identity] = Run(folder, results)
        added.append(shelf[identity])
    return Catalogue(tuple(sorted(shelf.values(), key=lambda run: run.folder))), added


def _published(site: Path, told: Callable[[str], None]) -> Iterator[Run]:
    """The runs of a site. What cannot be read, such as a run of an older version, is told of and left out."""
    for directory in sorted(site.iterdir()) if site.is_dir() else []:
        if (directory / RUN_FILE).is_file() and (directory / TABLE_FILE).is_file():
            try:
                yield Run(directory.name, Results.read(directory))
            except UserError as error:
                told(f"left out: {error}")


def _identity(run: Run) -> tuple[str, str, tuple[str, ...]]:
    devices = tuple(sorted(set(map(str, run.results.frame["device"]))))
    return run.suite, run.machine.slug, devices


def _free(suite: str, taken: set[str]) -> str:
    name = re.sub(r"[^\w-]+", "-", suite)
    number = 1
    while (found := name if number == 1 else f"{name}-{number}") in taken or found in RESERVED:
        number += 1
    return found


# Folders of the site that are no runs.
RESERVED = frozenset({"assets", "tasks", "problems", "estimators", "machines"})
