"""Cells of which the suite has said beforehand that they cannot be measured: whether they ended so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

UNTRIED = "unsupported"


def expectation(row: Mapping[Any, Any]) -> str:
    """The status that the suite expects of a cell; empty where it expects none but ok."""
    found = row.get("expected")
    return found if isinstance(found, str) else ""


def as_expected(row: Mapping[Any, Any]) -> bool:
    """Whether a cell that cannot be measured ended as the suite expects."""
    return expectation(row) == row["status"]


def is_surprise(row: Mapping[Any, Any]) -> bool:
    """Whether a cell ended otherwise than expected, in either direction: one that fails, or one that should have.

    One that is unsupported here, as without its library, was not put to the test.
    """
    return row["status"] not in (expectation(row) or "ok", UNTRIED)
