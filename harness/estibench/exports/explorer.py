"""The interactive chart of a run: any measured quantity against any cost, problem by problem.

`explorer.vl.json` is its specification in Vega-Lite, with a parameter for everything that the page lets a reader
choose; the page's script sets them. All transformations (Pareto front, ratios to it) happen in Vega, on its data.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from estibench.analysis.cells import at_rounding
from estibench.columns import BLOCK, ERROR_PREFIX, ERRORS, WITH_INTERVAL, label
from estibench.exports.comparison import blocks
from estibench.exports.scripts import SPEC

if TYPE_CHECKING:
    import pandas as pd

    from estibench.exports.canvas import Look

# What may stand on the axes, where the table has it; the first is what a reader sees first.
METRICS = (
    *("relative_rmse", "rmse", "mse", "variance", "bias", "relative_bias", "mse_work", "mse_time"),
    *("component_rmse_max", "component_bias_max", "time", "peak_bytes"),
)
COSTS = ("work", "time", "peak_bytes", "flops")
DIGITS = 4
MOST_CELLS = 2000  # that a page holds for its chart
LEGEND = "length(datum.label) > 34 ? split(replace(datum.label, /, /g, ',\\n    '), '\\n') : datum.label"  # never cut
# matplotlib's markers as Vega's shapes; paths are drawn in a square of side 2.
SHAPES = {
    **{"o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "P": "cross"},
    **{"<": "triangle-left", ">": "triangle-right"},
    "X": "M-1,-.6 L-.6,-1 L0,-.4 L.6,-1 L1,-.6 L.4,0 L1,.6 L.6,1 L0,.4 L-.6,1 L-1,.6 L-.4,0 Z",
    "*": "M0,-1 L.26,-.3 L1,-.3 L.4,.15 L.6,.9 L0,.45 L-.6,.9 L-.4,.15 L-1,-.3 L-.26,-.3 Z",
    "h": "M0,-1 L.87,-.5 L.87,.5 L0,1 L-.87,.5 L-.87,-.5 Z",
    "p": "M0,-1 L.95,-.31 L.59,.81 L-.59,.81 L-.95,-.31 Z",
}


@dataclass(frozen=True)
class Explorer:
    """What the chart needs.

    Attributes:
        spec: Vega-Lite, with the named data `cells`.
        columns, cells: the data, a list for each cell; numbers have four digits.
        panels, metrics, costs: what a reader may choose, as (value, words).
        of: how many panels there are, of which a large run shows the first.
    """

    spec: dict[str, Any]
    columns: list[str]
    cells: list[list[Any]]
    panels: list[tuple[str, str]]
    metrics: list[tuple[str, str]]
    costs: list[tuple[str, str]]
    of: int


def explorer(frame: pd.DataFrame, looks: Mapping[str, Look]) -> Explorer | None:
    """The chart of a run's ok cells; None where nothing can be drawn.

    Args:
        looks: colour and marker by family.
    """
    if frame.empty or not (frame["status"] == "ok").any():
        return None
    ok = frame[frame["status"] == "ok"]
    metrics = [name for name in (*METRICS, *_read(ok)) if _positive(ok, name)]
    spent = [name for name in ok if str(name).startswith("cost_")]
    costs = [name for name in (*COSTS, *map(str, spent)) if _positive(ok, name)]
    if not metrics or not costs:
        return None
    panels, places = [], list(blocks(ok))
    for device, dtype, rows in places:
        where = f" ({device}, {dtype})" if len(places) > 1 else ""
        panels += [(f"{problem}{where}", f"{problem}{where}") for problem in dict.fromkeys(map(str, rows["problem"]))]
    of = len(panels)
    ok = _first_problems(ok)
    panels = panels[: len(ok[BLOCK].drop_duplicates())]
    quantities = list(dict.fromkeys([*metrics, *costs]))
    columns, cells = _data(ok, quantities, several=len(places) > 1)
    families = list(dict.fromkeys(map(str, ok["family"])))
    return Explorer(
        _spec(families, looks, panels[0][0], metrics[0], costs[0]),
        columns,
        cells,
        panels,
        [(name, label(name)) for name in metrics],
        [(name, label(name)) for name in costs],
        of,
    )


def _first_problems(ok: pd.DataFrame) -> pd.DataFrame:
    """As many whole blocks as a page holds, in the order of the panels."""
    if len(ok) <= MOST_CELLS:
        return ok
    kept: list[pd.Index[Any]] = []
    number = 0
    for _, _, rows in blocks(ok):
        for _, some in rows.groupby("problem", sort=False):
            number += len(some)
            kept += [some.index] if number <= MOST_CELLS or not kept else []
    return ok.loc[[index for some in kept for index in some]]


def _read(frame: pd.DataFrame) -> list[str]:
    """The further errors that problems read off their draws."""
    bounds = ("_low", "_high")
    return [str(name) for name in frame if str(name).startswith(ERROR_PREFIX) and not str(name).endswith(bounds)]


def _positive(frame: pd.DataFrame, column: str) -> bool:
    import pandas as pd

    return column in frame and bool((pd.to_numeric(frame[column], errors="coerce") > 0).any())


def _data(ok: pd.DataFrame, quantities: Sequence[str], several: bool) -> tuple[list[str], list[list[Any]]]:
    """Names and values by cell. An error at the level of rounding is no number: how small it is says nothing."""
    import pandas as pd

    flat = at_rounding(ok)
    found: dict[str, list[Any]] = {
        "panel": [_panel(row, several) for row in ok[["problem", "device", "dtype"]].to_dict("records")],
        **{name: ok[name].astype(str).tolist() for name in ("estimator", "family")},
        "parameters": [_parameters(row) for row in ok.filter(regex="^estimator_").to_dict("records")],
        "draws": [_number(value) for value in ok.get("draws", pd.Series(math.nan, index=ok.index))],
        "flat": [bool(value) for value in flat],
    }
    for name in quantities:
        values = pd.to_numeric(ok[name], errors="coerce")
        if name in ERRORS:
            values = values.where(~flat)
        found[name] = [_number(value) for value in values]
        for side in ("low", "high"):
            if f"{name}_{side}" in ok and (name in WITH_INTERVAL or name.startswith(ERROR_PREFIX)):
                bounds = pd.to_numeric(ok[f"{name}_{side}"], errors="coerce")
                found[f"{name}_{side}"] = [_number(value) for value in bounds]
    return list(found), [list(cell) for cell in zip(*found.values(), strict=True)]


def _panel(row: Mapping[Any, Any], several: bool) -> str:
    return f"{row['problem']} ({row['device']}, {row['dtype']})" if several else str(row["problem"])


def _parameters(row: Mapping[Any, Any]) -> str:
    """Every parameter of a cell's estimator, those that the suite leaves at their defaults included."""
    names = [name for name in row if str(name).startswith("estimator_") and name != "estimator_name"]
    return ", ".join(
        f"{str(name).removeprefix('estimator_')} = {_plain(row[name])}" for name in names if _is_there(row[name])
    )


def _is_there(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _number(value: Any) -> float | None:
    """Four digits of a finite number."""
    return float(f"{float(value):.{DIGITS}g}") if value is not None and math.isfinite(float(value)) else None


def _spec(families: Sequence[str], looks: Mapping[str, Look], panel: str, metric: str, cost: str) -> dict[str, Any]:
    """The specification with its blanks filled in."""
    legend = {"title": None, "labelLimit": 0, "labelExpr": LEGEND, "symbolSize": 90, "symbolOpacity": 1}
    blanks = {
        **{"families": list(families), "legend": legend, "panel": panel, "metric": metric, "cost": cost},
        "colours": [looks[name].colour for name in families],
        "shapes": [SHAPES[looks[name].marker] for name in families],
    }
    spec: dict[str, Any] = _filled(json.loads(SPEC.read_text(encoding="utf-8")), blanks)
    return spec


def _filled(node: Any, blanks: Mapping[str, Any]) -> Any:
    """The same, with its value for each text `{name}`."""
    if isinstance(node, dict):
        return {key: _filled(value, blanks) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, blanks) for value in node]
    return blanks[node[1:-1]] if isinstance(node, str) and node[:1] == "{" else node
