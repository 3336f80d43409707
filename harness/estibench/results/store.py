"""The store: one JSON line per record, appended and synced. A kill loses at most the record being written."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

FILE = "cells.jsonl"


class Store:
    """The append-only record of a run's rows, by cell key. The last record of a key is its row."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE

    def append(self, key: str, row: dict[str, Any]) -> None:
        """Write a row and wait until the disk has it."""
        line = json.dumps({"key": key, **encode(row)}, allow_nan=False) + "\n"
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def rows(self) -> list[dict[str, Any]]:
        """The last row of each key, in the order in which the keys first appeared. A torn last line is ignored."""
        found: dict[str, dict[str, Any]] = {}
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                try:
                    record = decode(json.loads(line))
                except ValueError:
                    continue
                found[record["key"]] = record
        return list(found.values())


def encode(value: Any) -> Any:
    """`value` with the floats that JSON lacks written as {"float": "nan"}."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if isinstance(value, dict):
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    return value


def decode(value: Any) -> Any:
    """Undo `encode`."""
    if isinstance(value, dict):
        if value.keys() == {"float"}:
            return float(value["float"])
        return {key: decode(item) for key, item in value.items()}
    return [decode(item) for item in value] if isinstance(value, list) else value
