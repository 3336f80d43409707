"""Entries: what a plugin's hooks return. Light on purpose: names and import strings, no heavy module."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Literal

from estibench.errors import UserError


@dataclass(frozen=True)
class Entry:
    """A registered name.

    `target` is an import string, `"package.module:Name"`, that is resolved only when the name is used.
    """

    name: str
    target: str
    summary: str

    def load(self) -> Any:
        """Import and return the target. Raises `UserError` naming the entry when that fails."""
        module_name, _, attribute = self.target.partition(":")
        try:
            return getattr(importlib.import_module(module_name), attribute)
        except Exception as error:  # a plugin's module may fail in any way
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            own = "" if "." in module_name else '; in a file of your own write f"{__name__}:Class"'
            raise UserError(f"{self.name!r}: cannot import {self.target!r}: {reason}{own}") from error


@dataclass(frozen=True)
class TaskEntry(Entry):
    """A kind of estimand. `target` is a `Task` instance."""


@dataclass(frozen=True)
class DensityEntry(Entry):
    """A distribution with known log-density. `target` is a `Density` class."""


@dataclass(frozen=True)
class ProblemEntry(Entry):
    """An instance of `task` with its truth. `target` is a `Problem` class."""

    task: str


@dataclass(frozen=True)
class EstimatorEntry(Entry):
    """A method for the problems of `tasks`. `target` is an `Estimator` class."""

    tasks: tuple[str, ...]


@dataclass(frozen=True)
class EngineEntry(Entry):
    """A way to execute blocks. `target` is an `Engine` class."""


@dataclass(frozen=True)
class ExporterEntry(Entry):
    """Writes a run's results in one format. `target` is a function `(results: Results) -> list[Path]`.

    Attributes:
        when: `run`, at the end of every run; `export`, for what takes long or is seldom looked at: by `bench export`.
    """

    when: Literal["run", "export"] = "run"
