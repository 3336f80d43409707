"""The interactive chart of a run: any measured quantity against any cost, problem by problem.

Altair writes the specification, with a parameter for everything that the page lets a reader choose; the page's script
sets them. All transformations (Pareto front, ratios to it) happen in Vega, on the data of the page.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from estibench.analysis.cells import at_rounding
from estibench.columns import BLOCK, ERROR_PREFIX, ERRORS, WITH_INTERVAL, label
from estibench.exports.comparison import blocks

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


def _shown(name: str) -> str:
    return f"format(datum.{name}, '.3~g')"


def _spec(families: Sequence[str], looks: Mapping[str, Look], panel: str, metric: str, cost: str) -> dict[str, Any]:
    """Layers: the front, each family's line and band, bars and marks, and what lies at the level of rounding."""
    import altair as alt

    chosen = {"panel": panel, "metric": metric, "cost": cost, "relative": False, "x_words": "", "y_words": ""}
    params = {name: alt.param(name=name, value=value) for name, value in chosen.items()}
    shown = alt.selection_point(fields=["family"], bind="legend", name="shown")
    colours, shapes = [looks[name].colour for name in families], [SHAPES[looks[name].marker] for name in families]
    legend = alt.Legend(title=None, labelLimit=0, labelExpr=LEGEND, symbolSize=90, symbolOpacity=1)
    colour = alt.Color("family:N").scale(domain=[*families], range=colours).legend(legend)
    shape = alt.Shape("family:N").scale(domain=[*families], range=shapes).legend(legend)
    opacity = alt.when(shown).then(alt.value(1.0)).otherwise(alt.value(0.12))
    faint = alt.when(shown).then(alt.value(0.15)).otherwise(alt.value(0.02))
    base = (
        alt.Chart(alt.NamedData("cells"))
        .transform_filter("datum.panel == panel")
        .transform_calculate(x="datum[cost]", value="datum[metric]", lower="datum[metric + '_low']")
        .transform_calculate(upper="datum[metric + '_high']")
        .transform_filter("datum.x > 0")
    )
    measured = base.transform_filter("datum.value > 0").transform_window(
        best="min(value)", sort=[alt.SortField("x"), alt.SortField("value")], frame=[None, 0]
    )
    scaled = measured.transform_calculate(unit="relative ? datum.best : 1").transform_calculate(
        y="datum.value / datum.unit",
        low="(datum.lower > 0 ? datum.lower : datum.value) / datum.unit",
        high="(isValid(datum.upper) ? datum.upper : datum.value) / datum.unit",
        front="datum.best / datum.unit",
        interval=f"isValid(datum.upper) ? '[' + {_shown('lower')} + ', ' + {_shown('upper')} + ']' : ''",
    )
    x = alt.X("x:Q").scale(type="log", nice=False, padding=12).title(None).axis(format="~g", tickCount=6, grid=False)
    y = alt.Y("y:Q").scale(type="log", nice=False, padding=12).title(None).axis(format="~g", tickCount=6)
    tooltip = [
        alt.Tooltip("estimator:N"),
        *(alt.Tooltip("parameters:N"), alt.Tooltip("value:Q", format=".4~g"), alt.Tooltip("interval:N")),
        *(alt.Tooltip("x:Q", format=".4~g", title="cost"), alt.Tooltip("draws:Q", title="draws n")),
        alt.Tooltip("y:Q", format=".3~g", title="as drawn"),
    ]
    front = scaled.mark_line(interpolate="step-after", strokeWidth=5, opacity=0.25, color="#888888").encode(
        x=x, y=alt.Y("front:Q"), order="x:Q"
    )
    band = scaled.mark_area(opacity=0.15).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour, opacity=faint)
    bars = scaled.mark_rule(strokeWidth=1.2).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour, opacity=opacity)
    lines = scaled.mark_line(strokeWidth=1.6).encode(x=x, y=y, color=colour, opacity=opacity, order="x:Q")
    marks = scaled.mark_point(filled=True, size=75).encode(
        x=x, y=y, color=colour, shape=shape, opacity=opacity, tooltip=tooltip
    )
    exact = (
        base.transform_filter("datum.flat && !isValid(datum.value)")
        .mark_point(shape="triangle-down", size=75, strokeWidth=1.6)
        .encode(x=x, y=alt.value("height"), color=colour, opacity=opacity, tooltip=tooltip[:2])
    )
    nothing = alt.Chart(alt.InlineData([{}]))
    above = nothing.mark_text(text=alt.expr("y_words"), align="left", baseline="bottom", dy=-8, fontWeight="bold")
    below = nothing.mark_text(text=alt.expr("x_words"), align="right", baseline="top", dy=26, fontWeight="bold")
    words = [
        above.encode(x=alt.value(0), y=alt.value(0)),
        below.encode(x=alt.value("width"), y=alt.value("height")),
    ]
    chart = (
        alt.layer(front, band, bars, lines, marks.add_params(shown), exact, *words)
        .add_params(*params.values())
        .properties(width="container", height=420, padding={"top": 8, "bottom": 26, "left": 4, "right": 8})
        .configure_view(stroke=None)
    )
    spec: dict[str, Any] = chart.to_dict(validate=False)  # a test does, once: it takes longer than all the rest
    return spec
