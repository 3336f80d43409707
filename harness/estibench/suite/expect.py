"""What a suite expects of cells that cannot be measured: which they are, how they end, and why theory says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from estibench.errors import did_you_mean
from estibench.host.components import Component
from estibench.suite.document import Trail
from estibench.suite.plan import Block, Cell, Expected


def expectations(
    entries: Sequence[Any], blocks: Sequence[Block], complain: Callable[[Trail, str], None]
) -> dict[str, Expected]:
    """What is expected of each cell that an entry selects, by the cell's identity.

    Args:
        entries: of `expect`, checked against the schema.
        complain: told of what is wrong with an entry: a name or a parameter that no cell has, a selection that is empty
            or overlaps another.
    """
    found: dict[str, Expected] = {}
    cells = [cell for block in blocks for cell in block.cells]
    for index, entry in enumerate(entries):
        trail: Trail = ("expect", index)
        known = [_known(kind, getattr(entry, kind), cells, trail, complain) for kind in ("problem", "estimator")]
        if not all(known):
            continue
        chosen = [cell for cell in cells if _selects(entry, cell)]
        if not chosen:
            complain(trail, "no cell of this suite fits")
        for cell in chosen:
            first = found.setdefault(cell.identity, Expected(entry.status, entry.why, index))
            if first.entry != index:
                complain(trail, f"{cell.estimator.label} on {cell.problem.label} is in expect[{first.entry}] already")
                break
    return found


def fits(component: Component, wanted: Any) -> bool:
    """Whether a component is the one that is named, or agrees with a mapping of its name and some parameters."""
    return agrees({"name": component.name, "compile": component.compile, **component.parameters}, wanted)


def agrees(actual: Any, wanted: Any) -> bool:
    """Whether a value is what is wanted: of a component its name, or some of its parameters; of a list any element."""
    if isinstance(wanted, list) and not isinstance(actual, list | tuple):
        return any(agrees(actual, one) for one in wanted)
    if isinstance(actual, Mapping):
        wanted = {"name": wanted} if isinstance(wanted, str) else wanted
        return isinstance(wanted, Mapping) and all(
            name in actual and agrees(actual[name], value) for name, value in wanted.items()
        )
    if isinstance(actual, list | tuple):
        return isinstance(wanted, list) and list(actual) == wanted
    return bool(actual == wanted)


def _selects(entry: Any, cell: Cell) -> bool:
    pairs = ((cell.problem, entry.problem), (cell.estimator, entry.estimator))
    return entry.dtype in (None, cell.dtype) and all(wanted is None or fits(one, wanted) for one, wanted in pairs)


def _known(kind: str, wanted: Any, cells: Sequence[Cell], trail: Trail, complain: Callable[[Trail, str], None]) -> bool:
    """Whether the suite has a component of this name, with these parameters; complains otherwise."""
    if wanted is None:
        return True
    given = {"name": wanted} if isinstance(wanted, str) else wanted
    if not isinstance(given.get("name"), str):
        complain((*trail, kind), f"expected a name of the suite's {kind}s, or a mapping with it")
        return False
    some: list[Component] = [getattr(cell, kind) for cell in cells]
    names = {one.name for one in some}
    if given["name"] not in names:
        where = (*trail, kind) if isinstance(wanted, str) else (*trail, kind, "name")
        complain(where, f"no {kind} of this suite is called {given['name']!r}{did_you_mean(given['name'], names)}")
        return False
    known = {name for one in some if one.name == given["name"] for name in one.parameters}
    known |= {"compile"} if kind == "estimator" else set()
    unknown = [name for name in given if name != "name" and name not in known]
    for name in unknown:
        complain((*trail, kind, name), f"unknown key{did_you_mean(name, known)}")
    return not unknown
