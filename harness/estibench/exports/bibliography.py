"""What a run rests on: the papers of its estimators, problems and densities, from the plugins that are installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from estibench import host as plugin_host
from estibench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


def bibliography(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """Pairs of a citation and the names of what cites it, in the order of the table.

    A component whose plugin is not installed here has no citation here.
    """
    found: dict[str, list[str]] = {}
    for kind, column in (("estimator", "estimator_name"), ("problem", "problem_name"), ("density", "problem_density")):
        for name in dict.fromkeys(str(name) for name in frame.get(column, ()) if isinstance(name, str)):
            for citation in _citations(kind, name):
                found.setdefault(citation, []).append(name)
    return [(citation, ", ".join(names)) for citation, names in found.items()]


def _citations(kind: str, name: str) -> Iterator[str]:
    host = plugin_host.current()
    registry: Any = {"estimator": host.estimators, "problem": host.problems, "density": host.densities}[kind]
    try:
        cls = registry.get(name).load()
    except UserError:
        return
    citation = str(getattr(cls, "citation", "")).strip()
    if citation:
        yield " ".join(citation.split())
