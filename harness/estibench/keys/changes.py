"""Why a cell would be measured again: which of the things that its numbers depend on are not what they were."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from pathlib import Path

from estibench.keys.cells import Ingredients
from estibench.keys.installed import ABSENT, Installed
from estibench.keys.machine import kind_of
from estibench.keys.sources import Sources, digest_of

ORDER = ("source", "setting", "python", "machine", "distribution", "import")  # what somebody has edited first
FILE_PLUGIN = "estibench_file_plugin_"  # as the host names modules of `-p` options
MOST = 3  # changes that a line names


def words_of(before: Ingredients, now: Ingredients) -> str:
    """What has changed, in a few words; empty where nothing has."""
    found = list(_changes(before, now))
    rest = len(found) - MOST
    return "; ".join(found[:MOST]) + (f"; and {rest} more" if rest > 0 else "")


def _changes(before: Ingredients, now: Ingredients) -> Iterator[str]:
    for name in sorted(before.keys() | now.keys(), key=_by_weight):
        old, new = before.get(name), now.get(name)
        if old == new:
            continue
        kind, _, what = name.partition(" ")
        match kind:
            case "source":
                how = "is new" if old is None else "no longer counts" if new is None else "has changed"
                yield f"{what.removeprefix(FILE_PLUGIN)} {how}"
            case "machine":
                yield f"processor of {what}: {old} → {new}"
            case "import":
                yield f"{what} can{'' if new is None else 'not'} be imported now"
            case "python":
                yield f"Python {old} → {new}"
            case _:
                yield f"{what} {old or 'not needed'} → {new or 'not needed'}"


def _by_weight(name: str) -> tuple[int, str]:
    return ORDER.index(name.partition(" ")[0]), name


class Present:
    """The same ingredients as they are now, on this machine. Reads each file once and imports nothing.

    Args:
        places: of plugins that are one file, named on a command line.
        measures_here: whether the run's processors are those of this machine; those of a cluster are not looked at.
    """

    def __init__(self, places: Mapping[str, str], measures_here: bool) -> None:
        self._places = places
        self._here = measures_here
        self._installed = Installed()
        self._sources = Sources(set(), follows=lambda top: True)
        self._known: dict[str, str | None] = {}

    def of(self, recorded: Ingredients) -> Ingredients:
        """Those that are still there."""
        found = {}
        for name, value in recorded.items():
            if name not in self._known:
                self._known[name] = self._now(name, value)
            now = self._known[name]
            if now is not None:
                found[name] = now
        return found

    def _now(self, name: str, value: str) -> str | None:
        kind, _, what = name.partition(" ")
        match kind:
            case "source":
                path = self._path(what)
                return digest_of(path) or None if path is not None else None
            case "distribution":
                return self._installed.version(what)
            case "import":
                return ABSENT if self._sources.find(what) is None else None
            case "machine":
                return kind_of(what) if self._here else value
            case "python":
                return platform.python_version()
        return value  # a setting is what the plan says

    def _path(self, name: str) -> Path | None:
        if name in self._places:
            return Path(self._places[name])
        top, _, rest = name.partition("/")
        package = self._sources.find(top if rest else name.removesuffix(".py"))
        if package is None or not rest:
            return package
        folder = package if package.is_dir() else package.parent
        return folder / rest
