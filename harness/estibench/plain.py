"""Rows as JSON, bit for bit: what goes to the store and between processes."""

from __future__ import annotations

import json
import math
from typing import Any


def to_json(data: Any) -> str:
    """`data` on one line; floats that JSON lacks are written as {"float": "nan"}."""
    return json.dumps(_encode(data), allow_nan=False, separators=(",", ":"))


def from_json(text: str | bytes) -> Any:
    """Undo `to_json`. Raises `ValueError` for anything that it cannot have written."""
    try:
        return _decode(json.loads(text))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _encode(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if isinstance(value, dict):
        return {key: _encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encode(item) for item in value]
    return value


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"float"} and isinstance(value["float"], str):
            return float(value["float"])
        return {key: _decode(item) for key, item in value.items()}
    return [_decode(item) for item in value] if isinstance(value, list) else value
