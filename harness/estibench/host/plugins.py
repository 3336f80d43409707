"""The plugin host: finds plugins, refuses broken ones in one line each, and keeps the names they register.

Built-in plugins come through the same entry-point group as anyone's. The order is fixed: estibench's own first,
then other distributions by name, then those that the command line names; whoever registers a taken name is refused.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pluggy

from estibench.errors import UserError, did_you_mean
from estibench.host import entries, hookspecs

if TYPE_CHECKING:
    import click

    from estibench.results import Results

GROUP = "estibench"
BUILT_IN = "estibench"
E = TypeVar("E", bound=entries.Entry)

_KINDS: dict[str, tuple[str, type[entries.Entry]]] = {
    "task": ("bench_tasks", entries.TaskEntry),
    "density": ("bench_densities", entries.DensityEntry),
    "problem": ("bench_problems", entries.ProblemEntry),
    "estimator": ("bench_estimators", entries.EstimatorEntry),
    "engine": ("bench_engines", entries.EngineEntry),
    "exporter": ("bench_exporters", entries.ExporterEntry),
}


@dataclass(frozen=True)
class Plugin:
    """What `bench plugins` shows. `refused` says why a plugin is not in use; empty for a working one."""

    name: str
    distribution: str
    version: str
    origin: str
    hooks: tuple[str, ...] = ()
    refused: str = ""

    @property
    def source(self) -> str:
        """The distribution with its version, or the file: what error messages quote."""
        return f"{self.distribution} {self.version}" if self.distribution else self.origin


class Registry(Generic[E]):
    """The names of one kind, each with its entry and the plugin it came from."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, E] = {}
        self._plugins: dict[str, Plugin] = {}

    def add(self, entry: E, plugin: Plugin) -> None:
        """Raises `ValueError` quoting both sources when the name is taken."""
        if entry.name in self._entries:
            owner = self._plugins[entry.name].source
            raise ValueError(f"{self.kind} {entry.name!r} is already registered by {owner}")
        self._entries[entry.name] = entry
        self._plugins[entry.name] = plugin

    def discard(self, plugin: Plugin) -> None:
        """Forget every name that `plugin` registered."""
        for name in [name for name, owner in self._plugins.items() if owner == plugin]:
            del self._entries[name], self._plugins[name]

    def get(self, name: str) -> E:
        """The entry. Raises `UserError` with the closest known name."""
        if name not in self._entries:
            raise UserError(f"unknown {self.kind} {name!r}{did_you_mean(name, self._entries)}")
        return self._entries[name]

    def origin(self, name: str) -> Plugin:
        """The plugin that registered `name`."""
        return self._plugins[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[E]:
        return iter(self._entries.values())


class Host:
    """Plugins, and the names they registered.

    Args:
        options: `-p` options in order: `"no:NAME"` blocks a plugin, anything else is a path to a `.py` file.
        allow: names of the entry points to load; None loads all (environment variable `ESTIBENCH_PLUGINS`).
    """

    def __init__(self, options: Sequence[str] = (), allow: Sequence[str] | None = None) -> None:
        self.options = tuple(options)
        self.plugins: list[Plugin] = []
        self.tasks = Registry[entries.TaskEntry]("task")
        self.densities = Registry[entries.DensityEntry]("density")
        self.problems = Registry[entries.ProblemEntry]("problem")
        self.estimators = Registry[entries.EstimatorEntry]("estimator")
        self.engines = Registry[entries.EngineEntry]("engine")
        self.exporters = Registry[entries.ExporterEntry]("exporter")
        self._manager = pluggy.PluginManager(GROUP)
        self._manager.add_hookspecs(hookspecs)

        blocked = {option[3:] for option in options if option.startswith("no:")}
        version = importlib.metadata.version(BUILT_IN)
        self._load(Plugin("host", BUILT_IN, version, "built in"), lambda: _import("estibench.host.builtin"))
        for point, plugin in _entry_points():
            if plugin.name in blocked or (allow is not None and plugin.name not in allow):
                self.plugins.append(replace(plugin, refused="blocked"))
            else:
                self._load(plugin, point.load)
        for option in options:
            if not option.startswith("no:"):
                self._load_file(Path(option))
        known = {plugin.name for plugin in self.plugins}
        missing = set(allow or ()) - known
        if missing:
            raise UserError(
                "\n".join(f"ESTIBENCH_PLUGINS: no plugin {name!r}{did_you_mean(name, known)}" for name in missing)
            )
        unknown = blocked - known
        if unknown:
            raise UserError("\n".join(f"-p no:{name}: no such plugin{did_you_mean(name, known)}" for name in unknown))

    @property
    def registries(self) -> dict[str, Registry[Any]]:
        """Registries by kind, in the order in which `bench list` shows them."""
        return {
            "task": self.tasks,
            "density": self.densities,
            "problem": self.problems,
            "estimator": self.estimators,
            "engine": self.engines,
            "exporter": self.exporters,
        }

    @property
    def warnings(self) -> list[str]:
        """One line for each plugin that is not in use because it is broken."""
        return [
            f"plugin {plugin.name!r} ({plugin.source}) is not in use: {plugin.refused}"
            for plugin in self.plugins
            if plugin.refused and plugin.refused != "blocked"
        ]

    # Life-cycle hooks, each in a typed method. A plugin that raises is reported and costs nothing else.

    def run_started(self, suite: str, directory: Path, cells: int) -> list[str]:
        """Calls `bench_run_started`; returns one line for each plugin that raised."""
        return self._notify("bench_run_started", suite=suite, directory=directory, cells=cells)

    def cell_measured(self, row: Mapping[str, Any]) -> list[str]:
        """Calls `bench_cell_measured`; returns one line for each plugin that raised."""
        return self._notify("bench_cell_measured", row=row)

    def run_finished(self, results: Results) -> list[str]:
        """Calls `bench_run_finished`; returns one line for each plugin that raised."""
        return self._notify("bench_run_finished", results=results)

    def report_sections(self, results: Results) -> tuple[list[tuple[str, str]], list[str]]:
        """Calls `bench_report_sections`; returns the sections, and one line for each plugin that raised."""
        sections: list[tuple[str, str]] = []
        complaints = self._notify(
            "bench_report_sections", lambda found: sections.extend((str(t), str(b)) for t, b in found), results=results
        )
        return sections, complaints

    def add_commands(self, group: click.Group) -> list[str]:
        """Calls `bench_add_commands`; returns one line for each plugin that raised."""
        return self._notify("bench_add_commands", group=group)

    # How plugins are found and judged.

    def _load_file(self, path: Path) -> None:
        if not path.is_file():
            raise UserError(f"-p {path}: no such file (expected a Python file, or no:NAME to block a plugin)")
        name = path.stem
        self._load(Plugin(name, "", "", str(path)), lambda: _import_file(name, path))
        if self.plugins[-1].refused:
            raise UserError(f"-p {path}: {self.plugins[-1].refused}")

    def _load(self, plugin: Plugin, load: Callable[[], Any]) -> None:
        """Import, register with pluggy and collect the entries; on any failure take everything back."""
        module: ModuleType | None = None
        try:
            module = load()
            self._manager.register(module, name=f"{plugin.source}:{plugin.name}")
            hooks = self._hooks_of(module)
            plugin = replace(plugin, hooks=hooks)
            for kind, (hook, entry_type) in _KINDS.items():
                if hook in hooks:
                    self._collect(plugin, self.registries[kind], hook, entry_type, getattr(module, hook)())
        except Exception as error:  # a plugin may fail in any way; it must not stop the others
            for registry in self.registries.values():
                registry.discard(plugin)
            if module is not None and self._manager.is_registered(module):
                self._manager.unregister(module)
            expected = isinstance(error, (ValueError, UserError))
            reason = str(error) if expected else f"{type(error).__name__}: {error}"
            plugin = replace(plugin, refused=reason.strip().splitlines()[0])
        self.plugins.append(plugin)

    def _hooks_of(self, module: ModuleType) -> tuple[str, ...]:
        """Names of the hooks that a registered plugin implements. Raises `ValueError` for an unknown one."""
        callers = self._manager.get_hookcallers(module) or []
        known = {name for name in vars(hookspecs) if name.startswith("bench_")}
        for caller in callers:
            if caller.name not in known:
                raise ValueError(f"unknown hook {caller.name!r}{did_you_mean(caller.name, known)}")
        return tuple(sorted(caller.name for caller in callers))

    @staticmethod
    def _collect(plugin: Plugin, registry: Registry[Any], hook: str, entry_type: type, found: object) -> None:
        if not isinstance(found, (list, tuple)) or not all(isinstance(entry, entry_type) for entry in found):
            raise ValueError(f"{hook} must return a list of {entry_type.__name__}")
        for entry in found:
            registry.add(entry, plugin)

    def _notify(self, hook: str, take: Callable[[Any], None] = lambda found: None, **arguments: Any) -> list[str]:
        complaints = []
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            wanted = {name: arguments[name] for name in implementation.argnames}
            try:
                take(implementation.function(**wanted))
            except Exception as error:  # see the hookspecs: a hook that raises costs nothing else
                complaints.append(f"{implementation.plugin_name}: {hook} raised {type(error).__name__}: {error}")
        return complaints


_current: Host | None = None


def start(options: Sequence[str] = ()) -> Host:
    """Start the host of this process from `-p` options and `ESTIBENCH_PLUGINS`."""
    global _current  # noqa: PLW0603 - the plugin manager is the one singleton
    allowed = os.environ.get("ESTIBENCH_PLUGINS")
    allow = None if allowed is None else [name.strip() for name in allowed.split(",") if name.strip()]
    _current = Host(options, allow)
    return _current


def current() -> Host:
    """The host of this process, started on first use."""
    return _current or start()


def _entry_points() -> list[tuple[importlib.metadata.EntryPoint, Plugin]]:
    found = []
    for point in importlib.metadata.entry_points(group=GROUP):
        distribution = point.dist
        name = distribution.name if distribution else "unknown"
        plugin = Plugin(point.name, name, distribution.version if distribution else "", point.value)
        found.append((point, plugin))
    return sorted(found, key=lambda pair: (pair[1].distribution != BUILT_IN, pair[1].distribution, pair[1].name))


def _import(name: str) -> ModuleType:
    return importlib.import_module(name)


def _import_file(name: str, path: Path) -> ModuleType:
    module_name = f"estibench_file_plugin_{name}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ValueError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    return module
