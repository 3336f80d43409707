"""Options of the form NAME=VALUE."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from estibench.errors import UserError


def pairs(option: str, given: Iterable[str]) -> dict[str, Any]:
    """`NAME=VALUE` texts as a mapping; values are read as JSON where they are: 4 is a number.

    Args:
        option: what the user wrote before them, for the error message.
    """
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"{option} {text}: expected NAME=VALUE")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
