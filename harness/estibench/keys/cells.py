"""The keys of a run's cells, and what they are made of."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from estibench.errors import UserError
from estibench.host import Host
from estibench.keys.installed import ABSENT, Installed
from estibench.keys.machine import kind_of
from estibench.keys.sources import HOST, Sources, visible_files
from estibench.suite.plan import Cell, Settings, digest

BUILDING = ("host/components.py", "suite/plan.py")  # what makes the instances, of parameters that are in the key
MEASURING = ("contracts", "measure")  # what makes the numbers, with the distributions that it imports

Ingredients = dict[str, str]  # "source PATH": digest; "distribution NAME": version; "setting NAME"; "machine DEVICE"; …


class Keys:
    """The keys of a run's cells. Sources are read once, and what a component is made of is found once.

    Args:
        kinds: of the processors that measure, by device; those of this machine by default.
    """

    def __init__(self, host: Host, settings: Settings, kinds: Mapping[str, str] | None = None) -> None:
        self._host = host
        self._kinds = dict(kinds or {})
        self._installed = Installed()
        plugins = {_top(entry.target) for registry in host.registries.values() for entry in registry} - {HOST}
        self._sources = Sources(plugins, follows=lambda top: not self._installed.owners(top))  # a developer's own
        self.table: dict[str, Ingredients] = {}
        self.places: dict[str, str] = {}  # paths of plugins that are one file, named on the command line
        self._files: dict[str, dict[str, Path]] = {}  # by the digest of the ingredients that they are part of
        self._of_component: dict[tuple[str, str], str] = {}
        self._of_device: dict[str, str] = {}
        self._required: dict[str, str] = {}  # distributions that every number needs
        self._common = self._of_harness(settings)

    def of(self, cell: Cell) -> str:
        """The key of a cell: 16 hexadecimal digits."""
        return digest([cell.identity, *self.made_of(cell)])

    def made_of(self, cell: Cell) -> tuple[str, ...]:
        """What the cell's numbers depend on beside its parameters: names of ingredients in `table`."""
        parts = {self._of(kind, name) for kind, name in _components(self._host, cell)}
        return (self._common, self._machine(cell.device), *sorted(parts))

    def check_unchanged(self, cell: Cell) -> None:
        """Raises `UserError` when a source of the cell is not what it was: its number must not go under its key."""
        for part in self.made_of(cell):
            for path in self._files.get(part, {}).values():
                if self._sources.has_changed(path):
                    raise UserError(
                        f"{path}: has changed while the suite was running; "
                        "what was measured before is kept, run it again"
                    )

    def _of(self, kind: str, name: str) -> str:
        """Ingredients of a component: the sources of its module, of its class's bases, and what they import."""
        if (kind, name) not in self._of_component:
            entry = self._host.registries[kind].get(name)
            module = entry.target.partition(":")[0]
            plugin = self._host.registries[kind].origin(name)
            path = self._sources.find(module)
            if path is not None and not plugin.distribution and path.samefile(plugin.origin):
                self.places[f"{module}.py"] = str(path.resolve())
            found = self._sources.reachable({module, *_modules_of_bases(entry.load())})
            owners = {owner for root in found.others for owner in self._installed.owners(root)}
            required = self._installed.closure(owners).items() - self._required.items()
            missing = {f"import {one}": ABSENT for one in found.missing}
            self._of_component[kind, name] = self._keep(found.files, dict(sorted(required)), missing)
        return self._of_component[kind, name]

    def _of_harness(self, settings: Settings) -> str:
        root = Path(__file__).parents[1]
        paths = [file for part in (*BUILDING, *MEASURING) for file in _files(root / part)]
        files = {f"{HOST}/{path.relative_to(root).as_posix()}": path for path in paths}
        roots = set[str]()
        for name, path in files.items():
            if path.suffix == ".py" and name.split("/")[1] in MEASURING:
                module = name.removesuffix(".py").replace("/", ".")
                roots |= {_top(imported) for imported, _ in self._sources.read(module, path).imports}
        owners = {owner for one in roots - {HOST} for owner in self._installed.owners(one)}
        settled = {name: getattr(settings, name) for name in ("seed", "threads")}
        others = {f"setting {name}": str(value) for name, value in settled.items()}
        self._required = self._installed.closure(owners)
        return self._keep(files, self._required, others | {"python": platform.python_version()})

    def _machine(self, device: str) -> str:
        if device not in self._of_device:
            kind = self._kinds.get(device) or kind_of(device)
            self._of_device[device] = self._keep({}, {}, {f"machine {device}": kind})
        return self._of_device[device]

    def _keep(self, files: dict[str, Path], distributions: dict[str, str], others: Ingredients) -> str:
        """Put ingredients on the table. Returns their name."""
        found = {f"source {name}": self._sources.digest(path) for name, path in files.items()}
        found |= {f"distribution {name}": version for name, version in distributions.items()} | others
        name = digest(found)
        self.table[name] = found
        self._files[name] = files
        return name


def _components(host: Host, cell: Cell) -> Iterator[tuple[str, str]]:
    yield "task", host.problems.get(cell.problem.name).task
    yield "problem", cell.problem.name
    yield "estimator", cell.estimator.name
    for parameters in (cell.problem.parameters, cell.estimator.parameters):
        yield from (("density", name) for name in _densities(parameters))


def _densities(parameters: Mapping[str, Any]) -> Iterator[str]:
    for value in parameters.values():
        if isinstance(value, Mapping):
            yield value["name"]
            yield from _densities(value)


def _modules_of_bases(target: object) -> Iterator[str]:
    """Modules of a class and of its bases; of an instance, as tasks are, those of its class."""
    cls = target if isinstance(target, type) else type(target)
    return (base.__module__ for base in cls.__mro__)


def _files(path: Path) -> Iterable[Path]:
    return [path] if path.is_file() else visible_files(path)


def _top(target: str) -> str:
    """The package of `package.module:Name`."""
    return target.partition(":")[0].partition(".")[0]
