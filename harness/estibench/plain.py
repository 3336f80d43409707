"""Plain data: rows as JSON, bit for bit, and texts that a terminal can be shown."""

from __future__ import annotations

import json
import math
from typing import Any

_FLOAT = "__float__"


def to_json(data: Any) -> str:
    """`data` on one line; floats that JSON lacks are written as {"__float__": "nan"}."""
    return json.dumps(_encode(data), allow_nan=False, separators=(",", ":"))


def from_json(text: str | bytes) -> Any:
    """Undo `to_json`. Raises `ValueError` for anything that it cannot have written."""
    try:
        return json.loads(text, object_hook=_decode)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def printable(data: Any) -> Any:
    """`data` without the control characters in its texts that a terminal would obey; lines and tabs become spaces.

    For results that somebody else has made, and for what plugins say.
    """
    if isinstance(data, str):
        if data.isprintable():
            return data
        return "".join(letter if letter.isprintable() else " " if letter.isspace() else "\ufffd" for letter in data)
    if isinstance(data, dict):
        return {printable(key): printable(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [printable(item) for item in data]
    return data


def _encode(value: Any) -> Any:
    if not isinstance(value, (str, int, float, dict, list, tuple)) and hasattr(value, "item"):
        value = value.item()  # a number of numpy or torch
    if isinstance(value, float) and not math.isfinite(value):
        return {_FLOAT: str(value)}
    if isinstance(value, dict):
        return {key: _encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encode(item) for item in value]
    return value


def _decode(found: dict[str, Any]) -> Any:
    if len(found) == 1 and found.get(_FLOAT) in ("nan", "inf", "-inf"):
        return float(found[_FLOAT])
    return found
