"""What the keys of a run's cells are made of: each set of ingredients once; `plan.jsonl` names those of each cell."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FILE = "ingredients.json"


@dataclass(frozen=True)
class Table:
    """Sets of ingredients by name, and where plugins lie that are one file.

    Attributes:
        sets: `{"ab12…": {"source estibench_trace/exact.py": digest, "distribution numpy": version}}`.
        measures_here: whether the processors are those of the machine that runs the suite, not those of a cluster.
    """

    sets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    measures_here: bool = True

    def of(self, names: Iterable[str]) -> dict[str, str]:
        """The ingredients of some sets together."""
        found: dict[str, str] = {}
        for name in names:
            found |= self.sets.get(name, {})
        return found

    def text(self) -> str:
        """The content of the file."""
        data = {"sets": self.sets, "places": self.places, "measures_here": self.measures_here}
        return json.dumps(data, indent=1) + "\n"


def read_table(directory: Path) -> Table:
    """The file's content; an empty table where there is none or it is damaged, since it only explains."""
    try:
        data = json.loads((directory / FILE).read_text(encoding="utf-8"))
        sets = {str(name): {str(key): str(value) for key, value in one.items()} for name, one in data["sets"].items()}
        places = {str(name): str(path) for name, path in data["places"].items()}
        return Table(sets, places, bool(data["measures_here"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Table()
