"""Colour and marker of every family of estimators: the same on every page of a site, whenever it is written."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from estibench.errors import UserError
from estibench.exports.canvas import Look, look

FILE = "looks.json"


def settled_looks(site: Path, families: Iterable[str]) -> dict[str, Look]:
    """The looks of all families. Those that the site knows keep theirs; new ones are appended to what it knows.

    Raises:
        UserError: the site's list cannot be read.
    """
    path = site / FILE
    known: list[str] = []
    if path.exists():
        try:
            known = [str(name) for name in json.loads(path.read_text(encoding="utf-8"))]
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"{path}: cannot read: {error}") from error
    order = list(dict.fromkeys([*known, *families]))
    site.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(order, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return {family: look(index) for index, family in enumerate(order)}
