"""Every cell of a run as one table: numbers with their bounds, n, parameters and verdicts, to sort and to search.

It is plain HTML that reads without scripts; the page's script makes it sortable and lets a reader choose columns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from estibench.columns import ERROR_PREFIX, READING_PREFIX, WITH_INTERVAL, label
from estibench.exports.comparison import Entry
from estibench.exports.tables import plain

if TYPE_CHECKING:
    import pandas as pd

# What a reader sees first; every other column is there to be chosen.
SHOWN = (
    "problem",
    "estimator",
    "draws",
    "relative_rmse",
    "rmse",
    "relative_bias",
    "time",
    "work",
    "mse_work",
    "claims",
)
MEASURED = (
    *("relative_rmse", "rmse", "relative_bias", "bias", "variance", "mse", "cosine", "coverage", "mse_ratio"),
    *("component_rmse_max", "work", "time", "time_ratio", "mse_work", "mse_time", "flops", "peak_bytes", "time_first"),
)
BRIEF = {*SHOWN, "status", "device", "dtype", "bias", "variance", "time_ratio", "mse_ratio", "mse_time", "peak_bytes"}
SIGNS = {"supported": "✓", "refuted": "✗", "undecided": "?"}
BOUNDS = ("_low", "_high")
MOST_CELLS = 600  # rows that a browser sorts at once, and a page holds


@dataclass(frozen=True)
class Value:
    """What a cell of the table says, and the number by which it is sorted where it has one, to six digits."""

    text: str
    order: float | None = None


@dataclass(frozen=True)
class Column:
    """A column's header, whether it is shown at first, and whether it holds numbers."""

    name: str
    words: str
    shown: bool
    numeric: bool


@dataclass(frozen=True)
class CellTable:
    """The table; `of` is how many cells there are, of which it may show a selection."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    of: int


def cell_table(frame: pd.DataFrame, brief: bool = False) -> CellTable:
    """Every row of a run. Columns in which it has nothing are left out.

    Args:
        brief: without what the labels of problem and estimator say already, and with the most important numbers only.
    """
    of = len(frame)
    frame = _selection(frame)
    names = [name for name in _names(frame) if name == "claims" or frame[name].notna().any()]
    if brief:
        names = [name for name in names if name in BRIEF]
    shown = [name for name in SHOWN if name in names and not (name == "rmse" and "relative_rmse" in names)]
    names = [*shown, *(name for name in names if name not in shown)]
    read = {*names, *(f"{name}{side}" for name in names for side in BOUNDS), *(f"claims_{one}" for one in SIGNS)}
    records = frame[[name for name in frame if name in read]].to_dict("records")
    rows = tuple(tuple(_value(row, name) for name in names) for row in records)
    columns = tuple(
        Column(name, _words(name), name in shown, any(row[at].order is not None for row in rows))
        for at, name in enumerate(names)
    )
    return CellTable(columns, rows, of)


def _selection(frame: pd.DataFrame) -> pd.DataFrame:
    """Of a large table, as many cells of every problem, those with the least error first; in the table's order."""
    if len(frame) <= MOST_CELLS:
        return frame
    import pandas as pd

    error = next((name for name in ("relative_rmse", "rmse") if name in frame and frame[name].notna().any()), None)
    order = frame if error is None else frame.assign(_error=pd.to_numeric(frame[error])).sort_values("_error")
    place = order.groupby("problem", sort=False).cumcount().sort_values(kind="stable")
    return frame.loc[sorted(place.index[:MOST_CELLS])]


def _names(frame: pd.DataFrame) -> list[str]:
    known = [str(name) for name in frame]
    places = [name for name in ("device", "dtype") if frame[name].nunique() > 1] if len(frame) else []
    read = [name for name in known if name.startswith((ERROR_PREFIX, READING_PREFIX)) and not name.endswith(BOUNDS)]
    spent = [name for name in known if name.startswith("cost_")]
    hidden = {"problem_name", "estimator_name"}
    parameters = [name for name in known if name.startswith(("problem_", "estimator_")) and name not in hidden]
    wanted = ["problem", "estimator", "status", *places, "draws", *MEASURED, *read, *spent, "claims", *parameters]
    return [name for name in dict.fromkeys(wanted) if name in known]


def _words(name: str) -> str:
    if name == "draws":
        return "draws n"
    if name.startswith(("problem_", "estimator_")):
        return name.replace("_", " ")
    return label(name)


def _value(row: dict[Any, Any], name: str) -> Value:
    if name == "claims":
        return _claims(row)
    value = row.get(name)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return Value("")
    if isinstance(value, bool | str) or not isinstance(value, int | float):
        return Value(str(value))
    if name.startswith(("problem_", "estimator_", "cost_")) or name in ("draws", "work", "flops", "peak_bytes"):
        return Value(f"{value:g}" if abs(value) < 1e15 and value != int(value) else f"{value:.0f}", _order(value))
    low, high = (_number(row.get(f"{name}{side}")) for side in BOUNDS)
    bounded = name in WITH_INTERVAL or name.startswith((ERROR_PREFIX, READING_PREFIX))
    entry = Entry(float(value), low, high) if bounded else Entry(float(value))
    return Value(plain(entry), _order(value))


def _claims(row: dict[Any, Any]) -> Value:
    """How many claims were supported, and how many were not, in that order: `5 ✓ 1 ✗ 2 ?`."""
    found = [(row.get(f"claims_{verdict}"), sign) for verdict, sign in SIGNS.items()]
    texts = [f"{number:.0f} {sign}" for number, sign in found if _number(number) > 0]
    refuted = _number(row.get("claims_refuted"))
    return Value(" ".join(texts), _order(refuted))


def _order(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
