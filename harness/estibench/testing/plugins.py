"""Checks of a whole plugin: that it loads, that its hooks are light, and that everything it registers conforms."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from estibench.contracts.density import Density
from estibench.contracts.estimator import Estimator
from estibench.contracts.problem import Problem
from estibench.contracts.task import Task
from estibench.errors import UserError, did_you_mean
from estibench.host import Host, Plugin
from estibench.testing.case import Effort
from estibench.testing.kit import trials
from estibench.testing.subjects import BASES
from estibench.testing.trial import CheckFailedError, NotApplicable, Trial

HEAVY = ("torch", "numpy", "scipy", "pandas", "matplotlib", "seaborn", "sklearn", "pydantic", "rich", "pyarrow")
KINDS: dict[str, type] = {"task": Task, "estimator": Estimator, "problem": Problem, "density": Density}
PROBE = """
import importlib, json, sys
module = importlib.import_module(sys.argv[1])
for kind in ("tasks", "densities", "problems", "estimators", "engines", "exporters"):
    getattr(module, f"bench_{kind}", list)()
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@dataclass(frozen=True)
class Registered:
    """A plugin and the host that has loaded it."""

    plugin: Plugin
    host: Host

    def entries(self) -> Iterator[tuple[str, Any]]:
        """What it registers, by kind."""
        for kind, registry in self.host.registries.items():
            for entry in registry:
                if registry.origin(entry.name).name == self.plugin.name:
                    yield kind, entry


def is_in_use(registered: Registered) -> None:
    """The host has loaded it, and refuses nothing about it."""
    if registered.plugin.refused:
        raise CheckFailedError(
            registered.plugin.refused, "a plugin in use", "mend it; `bench plugins` shows the state of all"
        )
    if not registered.plugin.hooks:
        raise CheckFailedError("no hook", "at least one", "mark the functions of hooks.py with @hookimpl")


def hooks_are_light(registered: Registered) -> None:
    """Its hooks import neither torch nor anything else heavy: they run for every command."""
    plugin = registered.plugin
    if not plugin.distribution:
        raise NotApplicable("a file is imported whole")
    if plugin.refused:
        raise NotApplicable("it is not in use")
    command = [sys.executable, "-c", PROBE, plugin.origin.partition(":")[0]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CheckFailedError(
            (done.stderr.strip().splitlines() or ["its hooks fail"])[-1],
            "hooks that can be imported by themselves",
            "import in hooks.py nothing but estibench",
        )
    heavy = sorted(set(json.loads(done.stdout.splitlines()[-1])) & set(HEAVY))
    if heavy:
        raise CheckFailedError(
            f"importing {plugin.origin} imports {', '.join(heavy)}",
            "names and import strings only",
            "keep hooks.py and the package's __init__.py free of them: an entry's target is imported when it is used",
        )


def targets_load(registered: Registered) -> None:
    """Every entry's target can be imported, and is of its kind; a task's baseline exists."""
    host = registered.host
    for kind, entry in registered.entries():
        try:
            target = entry.load()
        except UserError as error:
            raise CheckFailedError(str(error), "a target that can be imported", "correct its import string") from error
        wanted = KINDS.get(kind)
        fits = wanted is None or (isinstance(target, type) and issubclass(target, wanted)) or isinstance(target, wanted)
        if not fits:
            raise CheckFailedError(
                f"the target of {kind} {entry.name!r} is {target!r}",
                f"a {wanted.__name__}" if wanted else "",
                "point its import string at the class, or for a task at the Task",
            )
        if isinstance(target, Task) and target.baseline not in host.estimators:
            raise CheckFailedError(
                f"the task {entry.name!r} has the baseline {target.baseline!r}",
                "the name of an estimator that is registered",
                "register it, or name another",
            )


CHECKS = (is_in_use, hooks_are_light, targets_load)


def plugin_trials(
    name: str, host: Host, expected_failures: Mapping[str, str] | None = None, effort: Effort | None = None
) -> Iterator[Trial]:
    """Every check of whatever goes by a name: a plugin, a distribution, an estimator, a problem or a density.

    Raises `UserError` where nothing does.
    """
    plugins = [plugin for plugin in host.plugins if name in (plugin.name, plugin.distribution)]
    plugins = [plugin for plugin in plugins if plugin.refused != "blocked"]
    if not plugins:
        known = {name for plugin in host.plugins for name in (plugin.name, plugin.distribution) if name}
        known |= {entry.name for kind in BASES for entry in host.registries[kind]}
        if name not in known:
            raise UserError(f"no plugin, estimator, problem or density is called {name!r}{did_you_mean(name, known)}")
        yield from trials([name], None, expected_failures, effort, host=host)
        return
    for plugin in plugins:
        registered = Registered(plugin, host)
        for check in CHECKS:
            yield Trial(f"plugin {plugin.name}", check, registered)
        for kind in BASES:
            names = [entry.name for found, entry in registered.entries() if found == kind]
            yield from trials(names, None, expected_failures, effort, (kind,), host)
