"""The suite's figures: `plots/<name>.svg` and `.png`; one for each device and dtype where there are several.

Figures are made object by object, never through pyplot, so that drawing leaves the caller's matplotlib as it was.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estibench.columns import label
from estibench.results.canvas import (
    GREY,
    LINES,
    Layout,
    Look,
    family_key,
    finish_panel,
    literal,
    looks_of,
    panel_grid,
    sign_key,
    style,
    svg_text,
)
from estibench.results.comparison import at_rounding, blocks, is_reference
from estibench.results.scaling import Curve, curves, fit
from estibench.results.tables import exponent_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from estibench.results.run_directory import Results


FOLDER = "plots"
AXES = {
    "error_cost": ("work", "relative_rmse"),
    "scaling": ("problem_dim", "time"),
    "bias_variance": ("relative_std", "relative_bias"),
}
ROUNDING = " Errors at the level of rounding, however small, are drawn as ▽ on the floor of their panel."
CAPTIONS = {
    "error_cost": (
        "One panel per problem, one line per kind of estimator through its budgets. Lower is more accurate, further "
        "left is cheaper: choose from the lower left border. Bands and bars are {level:g} % confidence intervals."
    )
    + ROUNDING,
    "scaling": (
        "One panel per family of problems, one line per estimator: the power law y ~ x^k fitted to the points, with "
        "k and its {level:g} % Student-t interval where there are more than two points. Flatter scales better."
    ),
    "bias_variance": (
        "Systematic against random error of one estimate, both relative to the truth, with {level:g} % confidence "
        "intervals. An open marker with an arrow is the upper bound of a bias that is not distinguishable from 0. "
        "Above the dashed diagonal the bias is the larger part of the error, and more draws will not help."
    )
    + ROUNDING,
}


@dataclass(frozen=True)
class Picture:
    """A figure to be drawn, with its words.

    Attributes:
        name: stem of its files.
        caption: how to read it, and which problems it lacks.
        draw: makes the figure, which takes a while.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[], Figure]


def export(results: Results) -> list[Path]:
    """Writes every picture as SVG and as PNG (150 dpi)."""
    folder = results.directory / FOLDER
    written = []
    for picture in pictures(results):
        folder.mkdir(exist_ok=True)
        written += [folder / f"{picture.name}.svg", folder / f"{picture.name}.png"]
        figure = picture.draw()
        svg = results.scratch[f"svg:{picture.name}"] = svg_text(figure, picture.name)
        written[-2].write_text(svg, encoding="utf-8")
        with style():
            figure.savefig(written[-1], dpi=150)
    return written


def to_svg(results: Results, picture: Picture) -> str:
    """The picture as SVG text, drawn unless `export` has just done so; the same picture gives the same text."""
    drawn = results.scratch.get(f"svg:{picture.name}")
    return drawn if isinstance(drawn, str) else svg_text(picture.draw(), picture.name)


def pictures(results: Results) -> Iterator[Picture]:
    """The figures that the suite asks for and that have something to draw."""
    looks = looks_of(results.frame)
    level = results.confidence
    parts = list(blocks(results.frame))
    taken: Counter[str] = Counter()
    for plot in results.about.get("plots") or []:
        kind = plot["kind"]
        x, y = (plot.get(axis) or default for axis, default in zip("xy", AXES[kind], strict=True))
        for device, dtype, cells in parts:
            rows = _with_relative_std(_wanted(cells, plot.get("problems")))
            name, title = plot.get("name") or kind, plot.get("title") or kind.replace("_", " ")
            if len(parts) > 1:
                name = re.sub(r"[^\w-]+", "-", f"{name}-{device}-{dtype}")
                title = f"{title} ({device}, {dtype})"
            caption = CAPTIONS[kind].format(level=100 * level)
            draw: Callable[[], Figure]
            if kind == "scaling":
                laws: dict[str, list[Curve]] = {}
                for curve in curves(rows, y, x):
                    laws.setdefault(curve.problem, []).append(curve)
                drawn, draw = {*laws}, partial(_scaling, laws, looks, level)
            else:
                panels = panels_of(rows, x, y)
                drawn, draw = {*panels}, partial(_small_multiples, kind, panels, looks)
                missing = [problem for problem in dict.fromkeys(rows["problem"]) if problem not in drawn]
                caption += f" Without both quantities, and not drawn: {'; '.join(missing)}." if missing else ""
            if drawn:
                taken[name] += 1
                name += f"-{taken[name]}" if taken[name] > 1 else ""
                words = (title, axis_label(rows, x), axis_label(rows, y))
                yield Picture(name, title, caption, partial(_finished, draw, *words))


def panels_of(rows: pd.DataFrame, x: str, y: str) -> dict[str, pd.DataFrame]:
    """What can be drawn on log–log axes, by problem: `x`, `y`, their bounds, `family`, and `flat` (mere rounding)."""
    import pandas as pd

    if x not in rows or y not in rows:
        return {}
    columns = {"problem": rows["problem"], "family": rows["family"], "flat": at_rounding(rows) | is_reference(rows)}
    for axis, column in (("x", x), ("y", y)):
        value = pd.to_numeric(rows[column], errors="coerce").astype(float)
        columns[axis] = value
        for side in ("low", "high"):
            bound = rows.get(f"{column}_{side}", value)
            columns[f"{axis}_{side}"] = pd.to_numeric(bound, errors="coerce").astype(float).fillna(value)
    points = pd.DataFrame(columns)
    drawable = points[["x", "y"]].map(math.isfinite).all(axis=1) & (points["x"] >= 0) & (points["y_high"] >= 0)
    points = points[drawable & ((points["x"] > 0) | points["flat"])]
    found = {str(problem): some.copy() for problem, some in points.groupby("problem", sort=False)}
    return {problem: some for problem, some in found.items() if bool((some[["x", "y_high"]] > 0).any().all())}


def floor_of(values: pd.Series[float], flat: pd.Series[bool]) -> float:
    """Where a log axis may end: below it lie only `flat` values, at the level of rounding, and zeros.

    Flat values within a decade of the others are shown as they are; when there are no others, so are all but zeros.
    """
    shown = values[(values > 0) & ~flat]
    if shown.empty:
        shown = values[values > 0]
    if shown.empty:
        return 1.0
    least = float(shown.min())
    return least / 4 if bool((values < least / 10).any()) else 0.0


def axis_label(rows: pd.DataFrame, column: str) -> str:
    """A column's label; work says what it counts where all rows agree."""
    if column == "relative_std":
        return "standard deviation / ‖truth‖"
    costs = [str(name) for name in rows if str(name).startswith("cost_")]
    units = [name for name in costs if column == "work" and rows[name].equals(rows["work"])]
    return f"work [{label(units[0])}]" if units else label(column)


def _small_multiples(kind: str, panels: dict[str, pd.DataFrame], looks: dict[str, Look]) -> Figure:
    """One panel per problem, and one legend for all."""
    draw_panel = {"error_cost": _draw_errors, "bias_variance": _draw_biases}[kind]
    drawn = {family for points in panels.values() for family in points["family"]}
    keys = [family_key(family, look) for family, look in looks.items() if family in drawn]
    figure, axes = panel_grid(len(panels), Layout(2.25, 1.75, 0.55, 4, 2.15), room=0.9 + 0.17 * (len(keys) + 2))
    clipped = False
    for axis, (problem, points) in zip(axes, panels.items(), strict=True):
        clipped |= draw_panel(axis, points, looks)
        finish_panel(axis, problem)
    signs = [sign_key("o", "upper bound: bias may be 0")] if kind == "bias_variance" else []
    signs += [sign_key("v", "at rounding level")] if clipped else []
    legend = figure.legend(handles=[*keys, *signs], loc="upper left", fontsize=7.5, frameon=False)
    legend.set_bbox_to_anchor((max(axis.get_position().x1 for axis in axes), axes[0].get_position().y1))
    return figure


def _draw_errors(axis: Axes, points: pd.DataFrame, looks: dict[str, Look]) -> bool:
    """Curves of y against x, one per family. Returns whether something lies below the axis."""
    floor = floor_of(points["y"], points["flat"])
    hidden = points["y"] < floor
    for family, curve in points[~hidden].groupby("family", sort=False):
        _draw_curve(axis, curve.sort_values("x"), looks[str(family)])
    return _draw_floor(axis, points[hidden], looks, floor)


def _draw_biases(axis: Axes, points: pd.DataFrame, looks: dict[str, Look]) -> bool:
    """Bias against standard deviation, one mark per cell. Returns whether something lies below the axis."""
    bounded = points["y_low"] <= 0
    points = points.assign(y=points["y"].where(~bounded, points["y_high"]), bounded=bounded)
    left, floor = (floor_of(points[name], points["flat"]) for name in ("x", "y"))
    points["x"] = points["x"].clip(lower=left)
    hidden = points["y"] < floor
    for point in points[~hidden].to_dict("records"):
        _draw_bias(axis, {str(name): value for name, value in point.items()}, looks[point["family"]])
    axis.set(xscale="log", yscale="log")
    clipped = _draw_floor(axis, points[hidden], looks, floor)
    x, y = axis.get_xlim(), axis.get_ylim()
    ends = [min(x[0], y[0]), max(x[1], y[1])]
    axis.plot(ends, ends, color=GREY, lw=0.8, ls="--", zorder=0)
    axis.set(xlim=x, ylim=y)
    return clipped


def _draw_curve(axis: Axes, curve: pd.DataFrame, look: Look) -> None:
    """A family's points by x with their intervals, as a band; as a bar where there is one point."""
    low = curve["y_low"].where(curve["y_low"] > 0, curve["y"])
    across = [curve["x"] - curve["x_low"].where(curve["x_low"] > 0, curve["x"]), curve["x_high"] - curve["x"]]
    upwards = [curve["y"] - low, curve["y_high"] - curve["y"]] if len(curve) == 1 else None
    if len(curve) > 1:
        axis.fill_between(curve["x"], low, curve["y_high"], color=look.colour, alpha=0.2, lw=0)
        axis.plot(curve["x"], curve["y"], color=look.colour, lw=1.2)
    style: dict[str, Any] = {"color": look.colour, "fmt": look.marker, "ms": 4.5, "mew": 0, "elinewidth": 0.7}
    axis.errorbar(curve["x"], curve["y"], xerr=across, yerr=upwards, **style)


def _draw_floor(axis: Axes, points: pd.DataFrame, looks: dict[str, Look], floor: float) -> bool:
    """Triangles on a dotted line for what lies below the axis; those of several families nest."""
    if points.empty:
        return False
    axis.axhline(floor, color=GREY, lw=0.8, ls=":")
    for depth, (family, some) in enumerate(points.groupby("family", sort=False)):
        size, colour = max(3.0, 8.0 - 1.6 * depth), looks[str(family)].colour
        axis.plot(some["x"], [floor] * len(some), ls="", marker="v", ms=size, mfc="none", mec=colour, mew=1.1)
    return True


def _draw_bias(axis: Axes, point: dict[str, Any], look: Look) -> None:
    """One cell with its intervals, or the upper bound of its bias with an arrow."""
    style: dict[str, Any] = {"color": look.colour, "fmt": look.marker, "ms": 4.5, "lw": 0.9, "mew": 1}
    low = point["x_low"] if 0 < point["x_low"] < point["x"] else point["x"]
    across = [[point["x"] - low], [max(point["x_high"] - point["x"], 0.0)]]
    if point["bounded"]:
        style |= {"yerr": 0.4 * point["y"], "uplims": True, "mfc": "white", "capsize": 1.5}
    else:
        style |= {"yerr": [[point["y"] - point["y_low"]], [point["y_high"] - point["y"]]]}
    axis.errorbar(point["x"], point["y"], xerr=across, **style)


def _scaling(panels: dict[str, list[Curve]], looks: dict[str, Look], level: float) -> Figure:
    """One panel per set of problems that vary in x, each with its own legend: every line has its own exponent."""
    tallest = max(map(len, panels.values()))
    figure, axes = panel_grid(len(panels), Layout(3.6, max(2.6, 0.152 * tallest), 4.3, 2, 4.0))
    for axis, (problem, members) in zip(axes, panels.items(), strict=True):
        seen: list[str] = []
        for curve in members:
            _draw_law(axis, curve, looks[curve.family], seen.count(curve.family), level)
            seen.append(curve.family)
        finish_panel(axis, problem, sorted({x for curve in members for x in curve.points["x"]}))
        handles = axis.get_legend_handles_labels()[0]
        legend = axis.legend(handles=handles, loc="upper left", fontsize=6.5, frameon=False, handlelength=2.8)
        legend.set_bbox_to_anchor((1.0, 1.03), transform=axis.transAxes)
    return figure


def _draw_law(axis: Axes, curve: Curve, look: Look, number: int, level: float) -> None:
    """Points with their intervals and the fitted line; `number` tells the curves of a family apart."""
    import numpy as np

    law, points = fit(curve, level), curve.points
    bars = np.abs(points[["low", "high"]].to_numpy().T - points["y"].to_numpy())
    axis.errorbar(points["x"], points["y"], yerr=bars, fmt=look.marker, color=look.colour, ms=4, lw=0.8)
    ends = np.array([points["x"].min(), points["x"].max()])
    text = f"{curve.estimator}: k = {exponent_text(law.exponent, law.low, law.high)}"
    dashes: Any = LINES[number % len(LINES)]
    axis.plot(ends, law.scale * ends**law.exponent, color=look.colour, ls=dashes, lw=1.1, label=literal(text))


def _with_relative_std(rows: pd.DataFrame) -> pd.DataFrame:
    """The table with √variance over the norm of the truth, and its bounds."""
    if not {"variance", "truth_norm"} <= {*rows.columns}:
        return rows
    norm = rows["truth_norm"].where(rows["truth_norm"] > 0)
    sides = [side for side in ("", "_low", "_high") if f"variance{side}" in rows]
    return rows.assign(**{f"relative_std{side}": rows[f"variance{side}"].clip(lower=0) ** 0.5 / norm for side in sides})


def _wanted(cells: pd.DataFrame, problems: Sequence[str] | None) -> pd.DataFrame:
    """Ok cells of the problems that a plot names, by label or registered name; of all where it names none."""
    ok = cells["status"] == "ok"
    if problems:
        ok &= cells["problem"].isin(problems) | cells["problem_name"].isin(problems)
    return cells[ok]


def _finished(draw: Callable[[], Figure], title: str, x: str, y: str) -> Figure:
    """The figure with the words around its panels."""
    with style():
        figure = draw()
        width, height = figure.get_size_inches()
        places = [axis.get_position() for axis in figure.axes]
        across = 0.5 * (places[0].x0 + max(place.x1 for place in places))
        lowest = min(place.y0 for place in places)
        heading = textwrap.fill(title, int(11 * width))
        figure.suptitle(literal(heading), fontsize=11, weight="bold", x=0.2 / width, y=1 - 0.12 / height, ha="left")
        figure.supxlabel(literal(x), fontsize=9, x=across, y=lowest - 0.42 / height, va="center")
        figure.supylabel(literal(y), fontsize=9, x=0.1 / width, y=0.5 * (lowest + places[0].y1))
    return figure
