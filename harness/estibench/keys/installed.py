"""The installed distributions: which of them an import comes from, and what they require."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import Distribution
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_TOP = re.compile(r"^([A-Za-z_]\w*)(?:/|(?:\.[\w-]+)*\.(?:py|so|pyd),)", re.MULTILINE)  # of a line in RECORD
_FIELD = re.compile(r"^(Name|Version|Requires-Dist):(.*)$", re.MULTILINE)  # of the head of METADATA
ABSENT = "not installed"


class Installed:
    """Distributions by name, wherever the user happens to stand."""

    def __init__(self) -> None:
        here = {"", os.getcwd()}
        self._places = [place for place in sys.path if place not in here]

    def owners(self, root: str) -> tuple[str, ...]:
        """Distributions that install a package of this name, but those in development, whose sources change."""
        return tuple(sorted(self._owners.get(root, ())))

    def closure(self, names: Iterable[str]) -> dict[str, str]:
        """Versions of these distributions and of all that they require here, by name."""
        found: dict[str, str] = {}
        waiting = [(name, "") for name in sorted(names)]
        seen = set(waiting)
        while waiting:
            name, extra = waiting.pop()
            found[name] = self.version(name)
            for text in self._by_name[name].requires if name in self._by_name else ():
                requirement = _requirement(text)
                if requirement is not None and (
                    requirement.marker is None or requirement.marker.evaluate({"extra": extra})
                ):
                    wanted = [(normal(requirement.name), inner) for inner in ("", *sorted(requirement.extras))]
                    waiting += [pair for pair in wanted if pair not in seen]
                    seen.update(wanted)
        return dict(sorted(found.items()))

    def version(self, name: str) -> str:
        """Of one distribution."""
        one = self._by_name.get(name)
        return ABSENT if one is None else one.version

    def versions(self) -> dict[str, str]:
        """Of every distribution, under the name that it gives itself."""
        return {head.name: head.version for head in sorted(self._by_name.values(), key=lambda one: one.name.lower())}

    @cached_property
    def _by_name(self) -> dict[str, _Head]:
        found: dict[str, _Head] = {}
        for one in importlib.metadata.distributions(path=self._places):
            head = _head(one)
            found.setdefault(normal(head.name), head)  # the first on the path is the one that is imported
        return found

    @cached_property
    def _owners(self) -> dict[str, set[str]]:
        found = defaultdict(set)
        for name, head in self._by_name.items():
            if not _is_editable(head.distribution):
                for root in _roots(head.distribution):
                    found[root].add(name)
        return found


@lru_cache(maxsize=4096)
def _requirement(text: str) -> Requirement | None:
    """A line of Requires-Dist; None where it is none."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


@dataclass(frozen=True)
class _Head:
    """What the metadata of a distribution begin with."""

    distribution: Distribution
    name: str
    version: str
    requires: tuple[str, ...]


def _head(one: Distribution) -> _Head:
    """By lines: the parser of the standard library reads the description too, for each field that is asked for."""
    text = one.read_text("METADATA") or ""
    found = defaultdict(list)
    for field, value in _FIELD.findall(re.split(r"\r?\n\r?\n", text, maxsplit=1)[0]):
        found[field].append(value.strip())
    if not found["Name"] or not found["Version"]:  # an older format, which has other files
        return _Head(one, one.name, one.version, tuple(one.requires or ()))
    return _Head(one, found["Name"][0], found["Version"][0], tuple(found["Requires-Dist"]))


def normal(name: str) -> str:
    """A distribution's name as indexes write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _roots(one: Distribution) -> set[str]:
    """The names under which it can be imported."""
    declared = one.read_text("top_level.txt")
    if declared:
        return set(declared.split())
    return set(_TOP.findall(one.read_text("RECORD") or ""))


def _is_editable(one: Distribution) -> bool:
    """Whether its files are a developer's own."""
    text = one.read_text("direct_url.json")
    try:
        return bool(text and json.loads(text).get("dir_info", {}).get("editable"))
    except (ValueError, AttributeError):
        return False
