"""The critical-difference diagram: mean ranks on an axis, with bars that join what a test does not tell apart.

After Demšar (2006, J. Mach. Learn. Res. 7:1–30), Figure 1, with the best rank at the left.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from estibench.analysis.ranks import Ranking
from estibench.exports.canvas import GREY, Look, literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Inches, downwards from the top of the figure.
RULER, SCALE = 0.72, 1.2
BAR, LINE, MARGIN = 0.11, 0.23, 0.25
ACROSS, LETTER = 4.6, 0.068  # the axis, and a letter of a label
CLEAR = 0.25  # between bars at one height, lest they look like one
SIDE = 2.0  # the least room beside the axis: few blocks have a critical difference of up to 1.4 axes


def draw_ranks(
    found: Ranking,
    looks: Mapping[str, Look],
    families: Mapping[str, str],
    error: str,
    refuted: Collection[str] = (),
) -> Figure:
    """The diagram of a ranking by `error`, its name in words.

    Args:
        looks: colour and marker of every family.
        families: each estimator's family.
        refuted: estimators of which a claim was refuted.
    """
    from matplotlib.figure import Figure

    k = len(found.estimators)
    per_inch = (k - 1) / ACROSS
    bars = [(found.mean_ranks[first], found.mean_ranks[last]) for first, last in found.groups if first < last]
    levels = bar_levels(bars, CLEAR * per_inch)
    first_line = SCALE + BAR * (max(levels, default=-1) + 2) + 0.12
    names = [f"{name} ✗" if name in refuted else name for name in found.estimators]
    room = max(SIDE, 0.6 + LETTER * max(map(len, names)))
    width, height = 2 * room + ACROSS, first_line + LINE * (math.ceil(k / 2) - 1) + MARGIN
    figure = Figure(figsize=(width, height))
    # Ranks across, inches down: nothing is left to a layout.
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(1 - room * per_inch, k + room * per_inch), ylim=(height, 0))
    axis.set_axis_off()
    _draw_scale(axis, k)
    axis.text(1 - 0.25 * per_inch, SCALE - 0.08, f"mean rank by\n{error}", ha="right", va="center", fontsize=8.5)
    _draw_ruler(axis, found.critical_difference)
    for (low, high), level in zip(bars, levels, strict=True):
        y, stub = SCALE + BAR * (level + 1.5), 0.04 * per_inch
        axis.plot([low - stub, high + stub], [y, y], color="black", lw=3, solid_capstyle="butt", zorder=3)
    better = math.ceil(k / 2)
    for at, (estimator, rank) in enumerate(zip(found.estimators, found.mean_ranks, strict=True)):
        line = first_line + LINE * (at if at < better else k - 1 - at)
        end, side = (1 - 0.15 * per_inch, "right") if at < better else (k + 0.15 * per_inch, "left")
        _draw_estimator(axis, (rank, line, end), side, f"{rank:.1f}", names[at], looks[families[estimator]])
    return figure


def bar_levels(bars: Sequence[tuple[float, float]], clear: float) -> list[int]:
    """For each bar, given as its ends in increasing order, the first level where it is clear of the bars before it."""
    ends: list[float] = []
    levels = []
    for low, high in bars:
        level = next((level for level, end in enumerate(ends) if low - end > clear), len(ends))
        ends[level : level + 1] = [high]
        levels.append(level)
    return levels


def _draw_scale(axis: Axes, k: int) -> None:
    axis.plot([1, k], [SCALE, SCALE], color="black", lw=1)
    for rank in range(1, k + 1):
        shown = k <= 20 or rank in (1, k) or rank % 5 == 0
        axis.plot([rank, rank], [SCALE, SCALE - (0.08 if shown else 0.04)], color="black", lw=0.8)
        if shown:
            axis.text(rank, SCALE - 0.11, str(rank), ha="center", va="bottom", fontsize=7.5)


def _draw_ruler(axis: Axes, difference: float) -> None:
    """The critical difference as a length, from the best rank on."""
    axis.plot([1, 1 + difference], [RULER, RULER], color="black", lw=1.2)
    for end in (1, 1 + difference):
        axis.plot([end, end], [RULER - 0.05, RULER + 0.05], color="black", lw=1.2)
    axis.text(1 + difference / 2, RULER - 0.06, f"CD = {difference:.2f}", ha="center", va="bottom", fontsize=8)


def _draw_estimator(
    axis: Axes, place: tuple[float, float, float], side: Any, rank: str, estimator: str, look: Look
) -> None:
    """A line from the rank on the scale down to the label's line, and along it to the label."""
    x, line, end = place
    axis.plot([x, x, end], [SCALE, line, line], color=look.colour, lw=0.9, zorder=2)
    axis.plot([x, end], [SCALE, line], ls="", color=look.colour, marker=look.marker, ms=5, mew=0, zorder=4)
    texts = (rank, literal(estimator))
    for text, shift, colour in zip(texts, (8, 32), (GREY, "black"), strict=True):
        axis.annotate(
            text,
            (end, line),
            (shift if side == "left" else -shift, 0),
            textcoords="offset points",
            ha=side,
            va="center",
            fontsize=8,
            color=colour,
        )
