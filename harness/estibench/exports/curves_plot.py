"""Figures of curves, one panel per problem: the mean error along a run, against its steps or its time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from estibench.exports.canvas import (
    LINES,
    TITLE_WIDTH,
    Layout,
    Look,
    legend_text,
    literal,
    look,
    panel_grid,
    tick,
    tick_steps,
    title_lines,
    wrapped,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Line:
    """One estimator's curve.

    Attributes:
        axis: name of x.
        x, error, low, high: places, mean errors and their bounds, of one length.
    """

    estimator: str
    family: str
    axis: str
    x: tuple[float, ...]
    error: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def curves_of(rows: pd.DataFrame, x: str) -> dict[str, list[Line]]:
    """The curves of ok cells, by problem.

    Args:
        x: `step` for the problem's own axis, or `time`: the share of the axis that is behind, times the measured
            seconds of a whole run. Cells without a time are left out then.
    """
    found: dict[str, list[Line]] = {}
    for row in rows.to_dict("records"):
        curve = row.get("curve")
        if not isinstance(curve, dict):
            continue
        axis, places = curve["axis"], curve["x"]
        if x == "time":
            seconds, last = row.get("time"), max(places)
            if seconds is None or not math.isfinite(seconds) or last <= 0:
                continue
            axis, places = "time [s]", [place / last * seconds for place in places]
        bounds = (
            tuple(math.nan if bound is None else bound for bound in curve[name]) for name in ("error", "low", "high")
        )
        line = Line(str(row["estimator"]), str(row["family"]), axis, tuple(places), *bounds)
        found.setdefault(str(row["problem"]), []).append(line)
    return found


def draw_race(panels: dict[str, list[Line]], names: dict[str, str]) -> Figure:
    """Excess against steps and against time side by side, one line of its own colour for each contestant.

    Args:
        panels: by title; two for each problem.
        names: short ones of the contestants.
    """
    looks = {name: look(index) for index, name in enumerate(dict.fromkeys(names.values()))}
    named = {
        title: [replace(line, estimator=names[line.estimator], family=names[line.estimator]) for line in lines]
        for title, lines in panels.items()
    }
    figure = draw_curves(named, looks, across=2, more=1)
    for axis, lines in zip(figure.axes, named.values(), strict=True):
        axis.set_xlabel(literal(lines[0].axis), fontsize=8, labelpad=2)
    return figure


def draw_curves(panels: dict[str, list[Line]], looks: dict[str, Look], across: int = 3, more: int = 0) -> Figure:
    """One panel per problem, and one legend for all: a family's look, and a line style for each of one colour.

    Args:
        across: columns of panels.
        more: lines of room above each panel, beyond its title.
    """
    from matplotlib.lines import Line2D

    styles: dict[str, Any] = {}
    colours: Counter[str] = Counter()
    for line in (line for lines in panels.values() for line in lines):
        if line.estimator not in styles:
            look = looks[line.family]
            dashes = LINES[colours[look.colour] % len(LINES)]
            styles[line.estimator] = {"color": look.colour, "ls": dashes, "marker": look.marker}
            colours[look.colour] += 1
    keys = [
        Line2D([], [], **style, ms=4, lw=1.2, mew=0, label=literal(legend_text(name))) for name, style in styles.items()
    ]
    rows = sum(1 + str(key.get_label()).count("\n") for key in keys)
    titles = title_lines(panels, TITLE_WIDTH) + more
    figure, axes = panel_grid(len(panels), Layout(2.6, 2.1, 0.62, across, 2.4), 0.9 + 0.17 * rows, titles)
    for axis, (problem, lines) in zip(axes, panels.items(), strict=True):
        _draw_panel(axis, lines, styles)
        axis.set_title(literal(wrapped(problem, TITLE_WIDTH)), fontsize=7.5, loc="left", pad=4)
    legend = figure.legend(handles=keys, loc="upper left", fontsize=7.5, frameon=False)
    legend.set_bbox_to_anchor((max(axis.get_position().x1 for axis in axes), axes[0].get_position().y1))
    return figure


def _draw_panel(axis: Axes, lines: Sequence[Line], styles: dict[str, Any]) -> None:
    """Curves with bands, on logarithmic axes where all is positive. A start at 0 gets a place left of the decades."""
    import seaborn as sns

    errors = [error for line in lines for error in line.error if math.isfinite(error)]
    logarithmic = bool(errors) and min(errors) > 0
    floor = min(errors) / 2 if logarithmic else -math.inf
    for line in lines:
        style = styles[line.estimator]
        low = [max(bound, floor) for bound in line.low]
        axis.fill_between(line.x, low, line.high, color=style["color"], alpha=0.15, lw=0)
        axis.plot(line.x, line.error, **style, ms=3.5, lw=1.1, mew=0)
    places = sorted({place for line in lines for place in line.x})
    positive = [place for place in places if place > 0]
    if places[0] > 0:
        axis.set_xscale("log")
    elif places[0] == 0 and positive:
        axis.set_xscale("symlog", linthresh=positive[0], linscale=0.4)
        axis.set_xlim(0, 1.1 * positive[-1])
    if logarithmic:
        axis.set_yscale("log")
    _ticks(axis, positive, logarithmic)
    axis.tick_params(labelsize=7)
    axis.grid(visible=True, lw=0.4, color="0.88")
    sns.despine(ax=axis)


def _ticks(axis: Axes, positive: Sequence[float], logarithmic: bool) -> None:
    """Few, readable ticks on the axes that are logarithmic."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

    def formatter(low: float, high: float) -> FuncFormatter:
        plain = low >= 0.009 and high < 2e4
        return FuncFormatter(lambda value, _: tick(value, plain) if value > 0 else "0")

    if axis.get_xscale() != "linear":
        decades = range(math.ceil(math.log10(positive[0]) - 1e-9), math.floor(math.log10(positive[-1]) + 1e-9) + 1)
        origin = [0.0] if axis.get_xscale() == "symlog" else []
        axis.xaxis.set_major_locator(FixedLocator([*origin, *(10.0**power for power in decades)]))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.xaxis.set_major_formatter(formatter(positive[0], positive[-1]))
    if logarithmic:
        low, high = axis.get_ylim()
        axis.yaxis.set_major_locator(LogLocator(subs=tick_steps(low, high), numticks=20))
        axis.yaxis.set_minor_locator(NullLocator())
        axis.yaxis.set_major_formatter(formatter(low, high))
