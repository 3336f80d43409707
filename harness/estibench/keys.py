"""Keys: when a stored result may stand for a new one.

A cell's key covers all that its numbers depend on and no setting can extend: the problem, the estimator, their
parameters, device, dtype, seed, the source of the packages that define them, the harness's own measuring code, and
the installed distributions. Equal keys, equal numbers; anything else is measured anew.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from estibench.errors import UserError
from estibench.host import Host
from estibench.suite.plan import Cell, Settings, digest

MEASURING = ("components.py", "contracts", "measure", "suite/plan.py")  # what numbers depend on in the harness
COMPILED = ("__pycache__", ".pyc")  # made from sources, and not always


class Keys:
    """The keys of a run's cells. Sources are read once."""

    def __init__(self, host: Host, settings: Settings) -> None:
        self._host = host
        self._sources: dict[str, str] = {}
        self._files: dict[Path, tuple[int, int]] = {}  # with their times and sizes when they were read
        harness = Path(__file__).parent
        self._common = digest(
            {
                "seed": settings.seed,
                "threads": settings.threads,
                "python": platform.python_version(),
                "distributions": distributions(),
                "harness": self._digest([harness / part for part in MEASURING]),
            }
        )

    def of(self, cell: Cell) -> str:
        """The key of a cell: 16 hexadecimal digits."""
        sources = sorted({self._source(place) for place in self._places(cell)})
        from estibench.measure.device import name_of

        return digest([cell.identity, sources, self._common, name_of(cell.device)])

    def check_unchanged(self) -> None:
        """Raises `UserError` when a source is not what it was: new numbers must not go under old keys."""
        for path, known in self._files.items():
            if _stamp(path) != known:
                raise UserError(
                    f"{path}: has changed while the suite was running; what was measured before is kept, run it again"
                )

    def _places(self, cell: Cell) -> Iterator[str]:
        """Packages and files that define the cell's components and their base classes, the task included."""
        task = self._host.problems.get(cell.problem.name).task
        components = [("task", task), ("problem", cell.problem.name), ("estimator", cell.estimator.name)]
        for parameters in (cell.problem.parameters, cell.estimator.parameters):
            components += [("density", name) for name in _densities(parameters)]
        for kind, name in components:
            registry = self._host.registries[kind]
            plugin = registry.origin(name)
            yield _top(plugin.origin) if plugin.distribution else plugin.origin
            yield _top(registry.get(name).target)
            yield from _packages_of_bases(registry.get(name).load())

    def _source(self, place: str) -> str:
        """Digest of a package's source, or of a plugin's file."""
        if place not in self._sources:
            self._sources[place] = self._digest(_paths(place))
        return self._sources[place]

    def _digest(self, paths: list[Path]) -> str:
        self._files |= {file: _stamp(file) for path in paths for file in source_files(path)}
        return source_digest(paths)


def source_digest(paths: Iterable[Path]) -> str:
    """Digest of the content of files, and of all files in folders, with their names."""
    found = hashlib.sha256()
    for path in paths:
        for file in source_files(path):
            found.update(f"{file.relative_to(path)}\0".encode())
            found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()[:16]


def source_files(path: Path) -> list[Path]:
    """The file, or all in the folder but hidden ones and compiled Python. Data count: numbers may depend on them."""
    if path.is_file():
        return [path]
    found = []
    for file in sorted(path.rglob("*")):
        parts = file.relative_to(path).parts
        skipped = any(part.startswith(".") or part.endswith(COMPILED) for part in parts)
        if not skipped and file.is_file():
            found.append(file)
    return found


def distributions() -> list[str]:
    """Name and version of every installed distribution, wherever the user happens to stand."""
    here = {"", os.getcwd()}
    places = [place for place in sys.path if place not in here]
    return sorted({f"{one.name}=={one.version}" for one in importlib.metadata.distributions(path=places)})


def _densities(parameters: Mapping[str, Any]) -> Iterator[str]:
    for value in parameters.values():
        if isinstance(value, Mapping):
            yield value["name"]
            yield from _densities(value)


def _top(name: str) -> str:
    """The package of `package.module:Name`."""
    return name.partition(":")[0].partition(".")[0]


def _packages_of_bases(target: object) -> Iterator[str]:
    """Packages of a class's bases, but for Python, torch and the harness, which the key knows already."""
    for base in target.__mro__ if isinstance(target, type) else ():
        package = _top(base.__module__)
        if package not in sys.stdlib_module_names and package not in ("builtins", "estibench", "torch"):
            yield package


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def _paths(place: str) -> list[Path]:
    """Where a package, a module or a plugin's file lies."""
    if place.endswith(".py"):
        return [Path(place)]
    try:
        spec = importlib.util.find_spec(place)
    except (ValueError, ModuleNotFoundError):
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations:
        return [Path(folder) for folder in spec.submodule_search_locations]
    return [Path(spec.origin)] if spec.origin and Path(spec.origin).is_file() else []
