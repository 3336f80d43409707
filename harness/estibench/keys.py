"""Keys: when a stored result may stand for a new one.

A cell's key covers all that its numbers depend on and no setting can extend: the problem, the estimator, their
parameters, device, dtype, seed, the source of the plugins that define them, the harness's own measuring code, and
the installed distributions. Equal keys, equal numbers; anything else is measured anew.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from estibench.host import Host
from estibench.suite.plan import Cell, Settings, digest

MEASURING = ("contracts", "measure")  # the folders of the harness on which numbers depend
SOURCES = (".py", ".pyx", ".so", ".pyd", ".cpp", ".cu")


class Keys:
    """The keys of a run's cells. Sources are read once."""

    def __init__(self, host: Host, settings: Settings) -> None:
        self._host = host
        self._sources: dict[str, str] = {}
        harness = Path(__file__).parent
        self._common = digest(
            {
                "seed": settings.seed,
                "threads": settings.threads,
                "draw_memory": settings.draw_memory,
                "python": platform.python_version(),
                "distributions": sorted(f"{one.name}=={one.version}" for one in importlib.metadata.distributions()),
                "harness": [source_digest([harness / folder]) for folder in MEASURING],
            }
        )

    def of(self, cell: Cell) -> str:
        """The key of a cell: 16 hexadecimal digits."""
        sources = sorted({self._source(place) for place in self._places(cell)})
        return digest([cell.identity, sources, self._common])

    def _places(self, cell: Cell) -> Iterator[str]:
        """Packages and files that define the cell's components, the task included."""
        task = self._host.problems.get(cell.problem.name).task
        components = [("task", task), ("problem", cell.problem.name), ("estimator", cell.estimator.name)]
        for parameters in (cell.problem.parameters, cell.estimator.parameters):
            components += [("density", name) for name in _densities(parameters)]
        for kind, name in components:
            registry = self._host.registries[kind]
            plugin = registry.origin(name)
            if plugin.distribution:
                yield plugin.origin.partition(".")[0].partition(":")[0]
            else:
                yield plugin.origin
            yield registry.get(name).target.partition(":")[0].partition(".")[0]

    def _source(self, place: str) -> str:
        """Digest of a package's source, or of a plugin's file."""
        if place not in self._sources:
            self._sources[place] = source_digest(_paths(place))
        return self._sources[place]


def source_digest(paths: list[Path]) -> str:
    """Digest of the content of files, and of all sources in folders, with their names."""
    found = hashlib.sha256()
    for path in paths:
        files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.suffix in SOURCES)
        for file in files:
            found.update(f"{file.relative_to(path)}\0".encode())
            found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()[:16]


def _densities(parameters: Mapping[str, Any]) -> Iterator[str]:
    for value in parameters.values():
        if isinstance(value, Mapping):
            yield value["name"]
            yield from _densities(value)


def _paths(place: str) -> list[Path]:
    """Where a package, a module or a plugin's file lies. A file plugin's own module has no other source."""
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
