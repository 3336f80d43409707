"""The suite's figures: `plots/<name>.svg` and `.png`. One picture per plot, and per device and dtype where there are more.

Figures are made object by object, never through pyplot, so that drawing leaves the caller's matplotlib as it was.
"""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estibench.columns import label
from estibench.results.scaling import curves, fit
from estibench.results.tables import at_rounding, blocks, exponent_text, is_reference

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from estibench.results.run_directory import Results

# Okabe and Ito's colours without their yellow, then three of Paul Tol's 'muted': distinct for the colour-blind.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#882255", "#999933", "#332288")
MARKERS = ("o", "s", "^", "D", "P", "X", "*", "<", ">", "h", "p")
LINES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))
GREY = "0.45"
PANEL = (2.75, 2.35)  # inches
ACROSS = 4

ROUNDING = " Errors at the level of rounding, however small, are drawn as ▽ on the floor of their panel."
CAPTIONS = {
    "error_cost": (
        "One panel per problem, one line per kind of estimator through its budgets. Lower is more accurate, further "
        "left is cheaper: choose from the lower left border. Bands and bars are {level:g} % confidence intervals."
    )
    + ROUNDING,
    "scaling": (
        "One panel per family of problems, one line per estimator: the power law y ~ x^k fitted to the measured points, "
        "with k and its {level:g} % Student-t interval where there are more than two points. Flatter scales better."
    ),
    "bias_variance": (
        "Systematic against random error of one estimate, both relative to the truth, with {level:g} % confidence "
        "intervals. An open marker with an arrow is the upper bound of a bias that is not distinguishable from 0. "
        "Above the dashed diagonal the bias is the larger part of the error, and more draws will not help."
    )
    + ROUNDING,
}


@dataclass(frozen=True)
class Look:
    """How a family of estimators is drawn, in every plot of a run."""

    colour: str
    marker: str


@dataclass(frozen=True)
class Picture:
    """A figure with its words.

    Attributes:
        name: stem of its files.
        caption: how to read it.
    """

    name: str
    title: str
    caption: str
    figure: Figure


def export(results: Results) -> list[Path]:
    """Writes every picture as SVG and as PNG (150 dpi)."""
    folder = results.directory / "plots"
    written = []
    for picture in pictures(results):
        folder.mkdir(exist_ok=True)
        written += [folder / f"{picture.name}.svg", folder / f"{picture.name}.png"]
        written[-2].write_text(to_svg(picture), encoding="utf-8")
        with _style():
            picture.figure.savefig(written[-1], dpi=150)
    return written


def pictures(results: Results) -> Iterator[Picture]:
    """The figures that the suite asks for and that have something to draw."""
    frame = results.frame
    looks = looks_of(frame)
    level = float(results.about.get("settings", {}).get("confidence", 0.95))
    parts = list(blocks(frame))
    for plot in results.about.get("plots") or []:
        kind = plot["kind"]
        for device, dtype, cells in parts:
            rows = _wanted(cells, plot.get("problems"))
            name, title = plot.get("name") or kind, plot.get("title") or kind.replace("_", " ")
            if len(parts) > 1:
                name = re.sub(r"[^\w-]+", "-", f"{name}-{device}-{dtype}")
                title = f"{title} ({device}, {dtype})"
            with _style():
                figure = DRAWINGS[kind](rows, plot, looks, level)
            if figure is not None:
                figure.suptitle(_literal(title), fontsize=11)
                yield Picture(name, title, CAPTIONS[kind].format(level=100 * level), figure)


def looks_of(frame: pd.DataFrame) -> dict[str, Look]:
    """Colour and marker of every family of the run, in order of first appearance: the same in all its plots."""
    families = dict.fromkeys(map(str, frame["family"]))
    return {
        family: Look(COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)])
        for index, family in enumerate(families)
    }


def to_svg(picture: Picture) -> str:
    """The picture as SVG text; the same picture gives the same text."""
    text = io.StringIO()
    with _style(**{"svg.hashsalt": picture.name}):
        picture.figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _error_cost(rows: pd.DataFrame, plot: dict[str, Any], looks: dict[str, Look], level: float) -> Figure | None:
    """Small multiples: y against x on log–log axes, a curve per family."""
    x, y = plot.get("x") or "work", plot.get("y") or "relative_rmse"
    panels = _panels(rows, x, y)
    if not panels:
        return None
    figure, axes = _grid(len(panels), PANEL, ACROSS)
    drawn, clipped = set(), False
    for axis, (problem, points) in zip(axes, panels, strict=True):
        floor = floor_of(points["y"], points["flat"])
        hidden = points["y"] < floor
        for family, curve in points[~hidden].groupby("family", sort=False):
            _draw_curve(axis, curve.sort_values("x"), looks[str(family)], floor)
        _draw_floor(axis, points[hidden], looks, floor)
        _finish(axis, problem)
        drawn |= {*points["family"]}
        clipped |= bool(hidden.any())
    signs = [_sign("v", "at rounding level")] if clipped else []
    _legend(figure, {family: look for family, look in looks.items() if family in drawn}, signs)
    figure.supxlabel(_literal(_axis_label(rows, x)), fontsize=9)
    figure.supylabel(_literal(_axis_label(rows, y)), fontsize=9)
    return figure


def _bias_variance(rows: pd.DataFrame, plot: dict[str, Any], looks: dict[str, Look], level: float) -> Figure | None:
    """Small multiples: bias against standard deviation; upper bounds where the bias may be 0."""
    x, y = plot.get("x") or "relative_std", plot.get("y") or "relative_bias"
    panels = _panels(_with_relative_std(rows), x, y)
    if not panels:
        return None
    figure, axes = _grid(len(panels), PANEL, ACROSS)
    drawn, clipped = set(), False
    for axis, (problem, points) in zip(axes, panels, strict=True):
        bounded = points["y_low"] <= 0
        points["y"] = points["y"].where(~bounded, points["y_high"])
        left, floor = (floor_of(points[name], points["flat"]) for name in ("x", "y"))
        points["x"] = points["x"].clip(lower=left)
        hidden = points["y"] < floor
        for index, point in points[~hidden].iterrows():
            _draw_bias(axis, point, looks[str(point["family"])], bool(bounded[index]), left)
        _draw_floor(axis, points[hidden], looks, floor)
        _draw_diagonal(axis)
        _finish(axis, problem)
        drawn |= {*points["family"]}
        clipped |= bool(hidden.any())
    signs = [_sign("o", "upper bound: bias may be 0"), *([_sign("v", "at rounding level")] if clipped else [])]
    _legend(figure, {family: look for family, look in looks.items() if family in drawn}, signs)
    figure.supxlabel("standard deviation / ‖truth‖" if x == "relative_std" else _literal(label(x)), fontsize=9)
    figure.supylabel("|bias| / ‖truth‖" if y == "relative_bias" else _literal(label(y)), fontsize=9)
    return figure


def _scaling(rows: pd.DataFrame, plot: dict[str, Any], looks: dict[str, Look], level: float) -> Figure | None:
    """One panel per set of problems that vary in x, with its own legend: every line has its own exponent."""
    import numpy as np

    x, y = plot.get("x") or "problem_dim", plot.get("y") or "time"
    panels: dict[str, list[Any]] = {}
    for curve in curves(rows, y, x):
        panels.setdefault(curve.problem, []).append(curve)
    if not panels:
        return None
    tallest = max(len(found) for found in panels.values())
    figure, axes = _grid(len(panels), (6.4, max(3.2, 0.5 + 0.165 * tallest)), 2)
    for axis, (problem, found) in zip(axes, panels.items(), strict=True):
        members: dict[str, int] = {}
        for curve in found:
            look, law, points = looks[curve.family], fit(curve, level), curve.points
            dashes = LINES[members.setdefault(curve.family, 0) % len(LINES)]
            members[curve.family] += 1
            bars = np.abs(points[["low", "high"]].to_numpy().T - points["y"].to_numpy())
            axis.errorbar(points["x"], points["y"], yerr=bars, fmt=look.marker, color=look.colour, ms=4, lw=0.8)
            ends = np.array([points["x"].min(), points["x"].max()])
            text = f"{curve.estimator}: k = {exponent_text(law.exponent, law.low, law.high)}"
            line = axis.plot(ends, law.scale * ends**law.exponent, color=look.colour, ls=dashes, lw=1.1)[0]
            line.set(label=_literal(text), marker=look.marker, markersize=0)
        _finish(axis, problem)
        handles = axis.get_legend_handles_labels()[0]
        axis.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.02, 1.02), fontsize=6.5, frameon=False)
    figure.supxlabel(_literal(_axis_label(rows, x)), fontsize=9)
    figure.supylabel(_literal(_axis_label(rows, y)), fontsize=9)
    return figure


DRAWINGS: dict[str, Callable[[pd.DataFrame, dict[str, Any], dict[str, Look], float], Figure | None]] = {
    "error_cost": _error_cost,
    "scaling": _scaling,
    "bias_variance": _bias_variance,
}


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


def _draw_curve(axis: Axes, curve: pd.DataFrame, look: Look, floor: float) -> None:
    """A family's points by x, with a band; a bar where there is one point."""
    low = curve["y_low"].clip(lower=max(floor, 0.0)).where(curve["y_low"] > 0, curve["y"])
    if len(curve) > 1:
        axis.fill_between(curve["x"], low, curve["y_high"], color=look.colour, alpha=0.2, lw=0)
        axis.plot(curve["x"], curve["y"], color=look.colour, marker=look.marker, ms=4, lw=1.2, mew=0)
    else:
        bars = [curve["y"] - low, curve["y_high"] - curve["y"]]
        axis.errorbar(curve["x"], curve["y"], yerr=bars, color=look.colour, fmt=look.marker, ms=4.5, lw=1, mew=0)


def _draw_floor(axis: Axes, points: pd.DataFrame, looks: dict[str, Look], floor: float) -> None:
    """Triangles on a dotted line for what lies below the axis; those of many families nest."""
    if points.empty:
        return
    axis.axhline(floor, color=GREY, lw=0.8, ls=":")
    for depth, (family, some) in enumerate(points.groupby("family", sort=False)):
        size, colour = max(3.0, 8.5 - 1.6 * depth), looks[str(family)].colour
        axis.plot(some["x"], [floor] * len(some), ls="", marker="v", ms=size, mfc="none", mec=colour, mew=1.1)


def _draw_bias(axis: Axes, point: pd.Series[Any], look: Look, bounded: bool, left: float) -> None:
    """One cell: bias and standard deviation with their intervals, or an upper bound of the bias with an arrow."""
    style: dict[str, Any] = {"color": look.colour, "fmt": look.marker, "ms": 4.5, "lw": 0.9, "mew": 1}
    low = point["x_low"] if point["x_low"] > 0 else point["x"]
    across = [[max(point["x"] - max(low, left), 0)], [max(point["x_high"] - point["x"], 0)]]
    if bounded:
        down = point["y"] * 0.4
        axis.errorbar(point["x"], point["y"], xerr=across, yerr=down, uplims=True, mfc="white", capsize=1.5, **style)
    else:
        bars = [[point["y"] - point["y_low"]], [point["y_high"] - point["y"]]]
        axis.errorbar(point["x"], point["y"], xerr=across, yerr=bars, **style)


def _draw_diagonal(axis: Axes) -> None:
    """Where bias and standard deviation are equal; the axes keep their limits."""
    axis.set(xscale="log", yscale="log")
    x, y = axis.get_xlim(), axis.get_ylim()
    ends = [min(x[0], y[0]), max(x[1], y[1])]
    axis.plot(ends, ends, color=GREY, lw=0.8, ls="--", zorder=0)
    axis.set(xlim=x, ylim=y)


def _panels(rows: pd.DataFrame, x: str, y: str) -> list[tuple[str, pd.DataFrame]]:
    """Problems with what can be drawn of them: `x`, `y`, their bounds, `family`, and `flat` (error of rounding)."""
    import pandas as pd

    if x not in rows or y not in rows:
        return []
    columns = {"problem": rows["problem"], "family": rows["family"]}
    for axis, column in (("x", x), ("y", y)):
        value = pd.to_numeric(rows[column], errors="coerce").astype(float)
        columns[axis] = value
        for side in ("low", "high"):
            bound = rows[f"{column}_{side}"] if f"{column}_{side}" in rows else value
            columns[f"{axis}_{side}"] = pd.to_numeric(bound, errors="coerce").astype(float).fillna(value)
    points = pd.DataFrame({**columns, "flat": at_rounding(rows) | is_reference(rows)})
    drawable = points[["x", "y"]].map(math.isfinite).all(axis=1) & (points["x"] >= 0) & (points["y_high"] >= 0)
    points = points[drawable & ((points["x"] > 0) | points["flat"])]
    found = [(str(problem), some.copy()) for problem, some in points.groupby("problem", sort=False)]
    return [(problem, some) for problem, some in found if (some[["x", "y"]] > 0).any().all()]


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


def _axis_label(rows: pd.DataFrame, column: str) -> str:
    """A column's label; work says what it counts where all rows agree."""
    units = [name for name in rows if name.startswith("cost_") and column == "work" and rows[name].equals(rows["work"])]
    return f"work [{label(units[0])}]" if units else label(column)


def _grid(panels: int, size: tuple[float, float], across: int) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels, `size` inches each, and room for a legend at the right."""
    from matplotlib.figure import Figure

    columns = min(across, panels)
    lines = math.ceil(panels / columns)
    figure = Figure(figsize=(size[0] * columns + 1.6, size[1] * lines + 0.5), layout="constrained")
    return figure, [figure.add_subplot(lines, columns, index + 1) for index in range(panels)]


def _finish(axis: Axes, problem: str) -> None:
    import seaborn as sns

    axis.set(xscale="log", yscale="log")
    axis.set_title(_literal(wrapped(problem)), fontsize=7.5, loc="left", pad=3)
    axis.tick_params(labelsize=7, which="both")
    axis.grid(visible=True, which="major", lw=0.4, color="0.88")
    sns.despine(ax=axis)


def _legend(figure: Figure, looks: dict[str, Look], signs: Sequence[Any]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=look.colour, marker=look.marker, ms=5, lw=1.2, label=_literal(wrapped(family, 26)))
        for family, look in looks.items()
    ]
    figure.legend(handles=[*handles, *signs], loc="outside right upper", fontsize=7.5, frameon=False)


def _sign(marker: str, text: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=GREY, ls="", marker=marker, mfc="white", ms=6, label=text)


def wrapped(text: str, width: int = 40) -> str:
    """A component's label on short lines: its name, then its parameters."""
    if len(text) <= width:
        return text
    name, _, parameters = text.partition("(")
    return "\n".join([name, *textwrap.wrap(parameters.removesuffix(")"), width)])


def _literal(text: str) -> str:
    """Text that matplotlib shows as it is, not as mathematics."""
    return text.replace("$", r"\$")


def _style(**more: Any) -> AbstractContextManager[None]:
    """The look of all figures, for as long as the context lasts."""
    import matplotlib as mpl
    import seaborn as sns

    settings = {"svg.fonttype": "none", "font.family": ["DejaVu Sans", "sans-serif"], "axes.linewidth": 0.8}
    context: AbstractContextManager[None] = mpl.rc_context({**sns.axes_style("ticks"), **settings, **more})
    return context
