"""Regime maps: tiles over a problem's parameter and the budget, in the colour and with the marker of who wins."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from estibench.analysis.regimes import Regime
from estibench.exports.canvas import (
    TITLE_WIDTH,
    Layout,
    Look,
    legend_text,
    literal,
    panel_grid,
    title_lines,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TINT = 0.4  # of a tile's colour in white: paler than a marker, which must stand out
HATCH: dict[str, Any] = {"hatch": "////", "edgecolor": "0.15", "linewidth": 0.0}


def draw_regimes(maps: list[Regime], looks: dict[str, Look], told: Callable[[float], str]) -> Figure:
    """One panel per kind of problem, and one legend for all.

    Args:
        told: a budget in words.
    """
    from matplotlib.legend_handler import HandlerTuple
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    drawn = {tile.family for one in maps for tile in one.tiles.values()}
    families = [family for family in looks if family in drawn]
    handles: list[Any] = []
    for family in families:
        look = looks[family]
        mark = Line2D([], [], ls="", marker=look.marker, ms=5, mew=0, color=look.colour)
        handles.append((Patch(facecolor=tint(look.colour), lw=0), mark))
    texts = [literal(legend_text(family)) for family in families]
    if any(not tile.separated for one in maps for tile in one.tiles.values()):
        handles.append(Patch(facecolor="white", **HATCH))
        texts.append("not told apart\nfrom another kind")
    if any(tile.refuted for one in maps for tile in one.tiles.values()):
        handles.append(Line2D([], [], ls="", marker="$✗$", ms=6, mew=0, color="black"))
        texts.append("a claim of the winner\nwas refuted")
    rows = sum(1 + text.count("\n") for text in texts)
    titles = title_lines((one.problem for one in maps), TITLE_WIDTH)
    figure, axes = panel_grid(len(maps), Layout(2.25, 1.75, 0.7, 4, 2.6), 0.9 + 0.18 * rows, titles)
    for axis, one in zip(axes, maps, strict=True):
        _draw_map(axis, one, looks, told)
        axis.set_title(literal(wrapped(one.problem, TITLE_WIDTH)), fontsize=7.5, loc="left", pad=4)
    overlaid = {tuple: HandlerTuple(ndivide=1)}
    legend = figure.legend(handles, texts, handler_map=overlaid, loc="upper left", fontsize=7.5, frameon=False)
    legend.set_bbox_to_anchor((max(axis.get_position().x1 for axis in axes), axes[0].get_position().y1))
    return figure


def tint(colour: str) -> tuple[float, float, float]:
    """The colour mixed with white."""
    from matplotlib.colors import to_rgb

    red, green, blue = (1 - TINT * (1 - part) for part in to_rgb(colour))
    return red, green, blue


def _draw_map(axis: Axes, one: Regime, looks: dict[str, Look], told: Callable[[float], str]) -> None:
    import seaborn as sns
    from matplotlib.patches import Rectangle

    for (column, line), tile in one.tiles.items():
        look = looks[tile.family]
        where = (column - 0.5, line - 0.5)
        axis.add_patch(Rectangle(where, 1, 1, facecolor=tint(look.colour), edgecolor="white", lw=0.8))
        if not tile.separated:
            axis.add_patch(Rectangle(where, 1, 1, facecolor="none", **HATCH))
        axis.plot(column, line, ls="", marker=look.marker, ms=5.5, mew=0, color=look.colour, zorder=4)
        if tile.refuted:
            axis.annotate("✗", (column, line), (7, 0), textcoords="offset points", va="center", fontsize=7.5, zorder=5)
    axis.set(xlim=(-0.5, len(one.xs) - 0.5), ylim=(-0.5, len(one.budgets) - 0.5))
    names = ["" if x is None else f"{x:g}" if isinstance(x, (int, float)) else str(x) for x in one.xs]
    axis.set_xticks(range(len(one.xs)), [literal(name) for name in names])
    longest = max(map(len, names))
    axis.tick_params(labelsize=7, length=2)
    if longest * len(names) > 36:
        axis.tick_params(axis="x", rotation=30)
    axis.set_yticks(range(len(one.budgets)), [told(budget) for budget in one.budgets])
    sns.despine(ax=axis)


def budget_text(budget: float) -> str:
    """A budget on few letters: `30`, `4.1k`, `1.3M`."""
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if budget >= size:
            return f"{budget / size:.3g}{sign}"
    return f"{budget:.0f}" if math.isclose(budget, round(budget)) else f"{budget:.3g}"
