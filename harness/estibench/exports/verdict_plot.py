"""The verdict matrix: kinds of estimators against kinds of claims, with the number of tests and how they went."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from estibench.analysis.verdict_matrix import VerdictMatrix
from estibench.exports.canvas import GREY, literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Verdict: sign and colour; the worst comes first. Blue and orange are told apart by any eye, and the sign says it too.
SIGNS = {"refuted": ("✗", "#E8A06B"), "undecided": ("?", "#E6E6E6"), "supported": ("✓", "#B5D5EA")}
WIDTH, HEIGHT, LETTER = 0.78, 0.27, 0.068  # inches of a tile, and of a letter of a label
TOP, EDGE, LEGEND = 0.5, 0.2, 0.5


def draw_verdicts(found: VerdictMatrix) -> Figure:
    """One tile for each row and kind of claim: empty where nothing is claimed, else coloured by the worst verdict."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch, Rectangle

    lines = max(_lines(counts) for counts in found.counts.values())
    height = HEIGHT + 0.13 * (lines - 1)
    left = EDGE + LETTER * max(map(len, found.rows))
    heads = 0.55 * LETTER * max(map(len, found.kinds)) + 0.15  # they are slanted
    across = max(left + WIDTH * len(found.kinds) + heads + EDGE, 5.0)
    down = TOP + heads + height * len(found.rows) + LEGEND
    figure = Figure(figsize=(across, down))
    axis = figure.add_axes(
        (
            *(left / across, LEGEND / down),
            *(WIDTH * len(found.kinds) / across, height * len(found.rows) / down),
        )
    )
    for (row, kind), counts in found.counts.items():
        x, y = found.kinds.index(kind), found.rows.index(row)
        worst = next(verdict for verdict in SIGNS if counts[verdict])
        axis.add_patch(Rectangle((x, y), 1, 1, facecolor=SIGNS[worst][1], edgecolor="white", lw=1.5))
        text = "\n".join(f"{sign} {counts[verdict]}" for verdict, (sign, _) in SIGNS.items() if counts[verdict])
        weight = "bold" if counts["refuted"] else "normal"
        axis.text(x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=7.5, weight=weight, linespacing=1.1)
    axis.set(xlim=(0, len(found.kinds)), ylim=(len(found.rows), 0))
    axis.xaxis.tick_top()
    places = [place + 0.5 for place in range(len(found.kinds))]
    axis.set_xticks(places, list(map(literal, found.kinds)), rotation=40, ha="left", rotation_mode="anchor")
    axis.set_yticks([place + 0.5 for place in range(len(found.rows))], list(map(literal, found.rows)))
    axis.tick_params(labelsize=8, length=0)
    for spine in axis.spines.values():
        spine.set_color(GREY)
        spine.set_linewidth(0.5)
    keys = [
        Patch(facecolor=colour, label=f"{sign} {verdict}") for verdict, (sign, colour) in reversed(list(SIGNS.items()))
    ]
    legend = figure.legend(handles=keys, loc="lower left", ncols=3, fontsize=8, frameon=False)
    legend.set_bbox_to_anchor((0.1 / across, 0.02 / down))
    return figure


def _lines(counts: Counter[str]) -> int:
    return sum(counts[verdict] > 0 for verdict in SIGNS)
