"""Figures of scaling: power laws fitted to the cells that differ only in x."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from estibench.analysis.curves import Curve
from estibench.analysis.power_law import fit
from estibench.exports.canvas import LINES, Layout, Look, finish_panel, literal, panel_grid
from estibench.exports.grids import exponent_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_scaling(panels: dict[str, list[Curve]], looks: dict[str, Look], level: float) -> Figure:
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
    bars = np.nan_to_num(np.abs(points[["low", "high"]].to_numpy().T - points["y"].to_numpy()))
    axis.errorbar(points["x"], points["y"], yerr=bars, fmt=look.marker, color=look.colour, ms=4, lw=0.8)
    ends = np.array([points["x"].min(), points["x"].max()])
    text = f"{curve.estimator}: k = {exponent_text(law.exponent, law.low, law.high)}"
    dashes: Any = LINES[number % len(LINES)]
    axis.plot(ends, law.scale * ends**law.exponent, color=look.colour, ls=dashes, lw=1.1, label=literal(text))
