"""A likelihood's error in two parts: the model's, and that of the estimator that trains it and tells its likelihood."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from estibench.analysis.cells import is_deterministic
from estibench.analysis.training import Standing, races
from estibench.exports.canvas import COLOURS, MARKERS, Layout, literal, panel_grid
from estibench.exports.races import contestants
from estibench.exports.short_names import short_names
from estibench.exports.training import with_interval

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

READING = "reading_overstated"
LINE, LETTER = 0.3, 0.065  # inches of an estimator, and of a letter of its name
NAMED = 3
NONE = "nothing of the estimator's shows"
UNKNOWN = "beside a model of which nobody knows what it lacks,"
STYLES = ((COLOURS[0], MARKERS[0], "the model lacks"), (COLOURS[1], MARKERS[1], "the estimator\noverstates"))


@dataclass(frozen=True)
class Parts:
    """What a run's stated likelihood lacks of the truth.

    Attributes:
        model: the excess of the exact likelihood at the end of training; None where nobody knows the least, as of data,
            whose curve is the likelihood itself.
        estimator: by how much the estimator overstates the likelihood; below 0 it understates it.
    """

    problem: str
    name: str
    model: Standing | None
    estimator: Standing


def parts_of(cells: pd.DataFrame, level: float) -> list[Parts]:
    """Of the ok cells whose estimators tell a likelihood, in the order of the problems, the best model first."""
    names = contestants(cells)
    found = []
    for race in races(cells[cells["status"] == "ok"], "steps", level):
        for one in race.standings:
            value, low, high = (_number(one.row.get(f"{READING}{side}")) for side in ("", "_low", "_high"))
            if math.isfinite(value):
                if not math.isfinite(low + high):
                    low, high = (value, value) if is_deterministic(one.row) else (-math.inf, math.inf)
                told = Standing(one.row, value, low, high)
                model = one if one.excess > 0 else None
                found.append(Parts(race.place[0], names[str(one.row["estimator"])], model, told))
    return found


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def parts_in_words(cells: pd.DataFrame, level: float) -> str:
    """One sentence: with whom the estimator's part is the larger, with whom the model's, and with whom none shows."""
    found = parts_of(cells, level)
    where = short_names([one.problem for one in found])
    heads = ("mostly the estimator's", "mostly the model's", UNKNOWN, NONE)
    groups: dict[str, list[str]] = {head: [] for head in heads}
    for one in sorted(found, key=lambda one: -abs(one.estimator.excess)):
        name = f"{one.name} on {where[one.problem]}" if len(where) > 1 else one.name
        if one.estimator.low <= 0 <= one.estimator.high:
            groups[NONE].append(name)
            continue
        does = "overstates" if one.estimator.excess > 0 else "understates"
        size = replace(one.estimator, **{side: abs(getattr(one.estimator, side)) for side in ("excess", "low", "high")})
        size = replace(size, low=min(size.low, size.high), high=max(size.low, size.high))
        if one.model is None:
            groups[UNKNOWN].append(f"{name} ({does} by {with_interval(size)})")
            continue
        which = "estimator" if size.excess > one.model.excess else "model"
        groups[f"mostly the {which}'s"].append(
            f"{name} ({does} by {with_interval(size)}, its model lacks {with_interval(one.model)})"
        )
    return "; ".join(f"{head} with {_several(names)}" for head, names in groups.items() if names)


def _several(names: Sequence[str]) -> str:
    shown = names if len(names) <= NAMED else names[: NAMED - 1]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(shown) < len(names) else "")


def draw_parts(found: Sequence[Parts]) -> Figure:
    """One panel per problem, one row per estimator: both parts with their intervals, in the problem's own units."""
    import seaborn as sns
    from matplotlib.lines import Line2D

    panels: dict[str, list[Parts]] = {}
    for one in found:
        panels.setdefault(one.problem, []).append(one)
    where = short_names(list(panels))
    height = 0.4 + LINE * max(map(len, panels.values()))
    room = 0.3 + LETTER * max(len(one.name) for one in found)
    figure, axes = panel_grid(len(panels), Layout(3.0, height, room, 2, 1.9, room), 1.6, 1)
    for axis, (problem, rows) in zip(axes, panels.items(), strict=True):
        for place, one in enumerate(rows):
            for part, (colour, marker, _) in zip((one.model, one.estimator), STYLES, strict=True):
                if part is None:
                    continue
                if math.isfinite(part.half_width):
                    axis.plot([part.low, part.high], [place, place], color=colour, lw=1.4)
                axis.plot([part.excess], [place], color=colour, marker=marker, ms=5, mew=0, ls="")
        axis.axvline(0, color="0.7", lw=0.8, zorder=0)
        axis.set(ylim=(len(rows) - 0.5, -0.5), yticks=range(len(rows)))
        axis.set_yticklabels([literal(one.name) for one in rows])
        axis.set_title(literal(where[problem]), fontsize=7.5, loc="left", pad=4)
        axis.tick_params(labelsize=7)
        axis.grid(visible=True, axis="x", lw=0.4, color="0.88")
        sns.despine(ax=axis)
    keys = [
        Line2D([], [], color=colour, marker=marker, ms=5, lw=1.4, mew=0, label=text) for colour, marker, text in STYLES
    ]
    legend = figure.legend(handles=keys, loc="upper left", fontsize=7.5, frameon=False)
    legend.set_bbox_to_anchor((max(axis.get_position().x1 for axis in axes), axes[0].get_position().y1))
    return figure
