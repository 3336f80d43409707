"""Figures of small multiples, one panel per problem: errors against cost, and bias against standard deviation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from estibench.analysis.cells import at_rounding, is_reference
from estibench.exports.canvas import (
    FRONT,
    GREY,
    TITLE_WIDTH,
    Layout,
    Look,
    family_key,
    finish_panel,
    front_key,
    panel_grid,
    sign_key,
    title_lines,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FRONT_OF = {"mse", "rmse", "relative_rmse"}  # all in the order of the mse, by which fronts are marked


def panels_of(rows: pd.DataFrame, x: str, y: str) -> dict[str, pd.DataFrame]:
    """What can be drawn on log–log axes, by problem.

    Columns: `x`, `y`, their bounds, `family`, `flat` (mere rounding) and `front` (on the Pareto front of y and x).
    """
    import pandas as pd

    if x not in rows or y not in rows:
        return {}
    columns = {"problem": rows["problem"], "family": rows["family"], "flat": at_rounding(rows) | is_reference(rows)}
    marked = y in FRONT_OF and f"front_{x}" in rows
    columns["front"] = rows[f"front_{x}"].eq(True) if marked else pd.Series(False, index=rows.index)
    for axis, column in (("x", x), ("y", y)):
        value = pd.to_numeric(rows[column], errors="coerce").astype(float)
        columns[axis] = value
        for side in ("low", "high"):
            bound = rows.get(f"{column}_{side}", value)
            columns[f"{axis}_{side}"] = pd.to_numeric(bound, errors="coerce").astype(float).fillna(value)
    points = pd.DataFrame(columns)
    if y.endswith("bias") and f"{y}_low" in rows:  # a bias of which nothing is known is neither shown nor 0
        points = points[rows[f"{y}_low"].notna()]
    drawable = points[["x", "y"]].map(math.isfinite).all(axis=1) & (points["x"] >= 0) & (points["y_high"] >= 0)
    points = points[drawable]
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


def small_multiples(kind: str, panels: dict[str, pd.DataFrame], looks: dict[str, Look]) -> Figure:
    """One panel per problem, and one legend for all."""
    draw_panel = {"error_cost": _draw_errors, "bias_variance": _draw_biases}[kind]
    drawn = {family for points in panels.values() for family in points["family"]}
    keys = [family_key(family, look) for family, look in looks.items() if family in drawn]
    legend_lines = 2 + sum(1 + str(key.get_label()).count("\n") for key in keys)
    layout, titles = Layout(2.25, 1.75, 0.55, 4, 2.4), title_lines(panels, TITLE_WIDTH)
    figure, axes = panel_grid(len(panels), layout, 0.9 + 0.17 * legend_lines, titles)
    clipped = False
    for axis, (problem, points) in zip(axes, panels.items(), strict=True):
        clipped |= draw_panel(axis, points, looks)
        finish_panel(axis, problem)
    signs = [sign_key("o", "upper bound: bias may be 0")] if kind == "bias_variance" else []
    signs += [sign_key("v", "at rounding level")] if clipped else []
    if (kind == "error_cost" and shows_fronts(panels)) or (kind == "bias_variance" and shows_frontiers(panels)):
        signs.append(front_key())
    legend = figure.legend(handles=[*keys, *signs], loc="upper left", fontsize=7.5, frameon=False)
    legend.set_bbox_to_anchor((max(axis.get_position().x1 for axis in axes), axes[0].get_position().y1))
    return figure


def shows_fronts(panels: dict[str, pd.DataFrame]) -> bool:
    """Whether some panel has a front of more than one point."""
    return any(points["front"].sum() > 1 for points in panels.values())


def shows_levels(panels: dict[str, pd.DataFrame]) -> bool:
    """Whether some panel has a cell that costs nothing of x."""
    return any(_costs_nothing(points).any() for points in panels.values())


def frontier(points: pd.DataFrame) -> pd.DataFrame:
    """The points that no other beats in random and systematic error together, in order of the random one.

    Biases that are not distinguishable from 0 tie at 0, so the first such point is the last of the frontier. Errors of
    no more than rounding take no part.
    """
    some = points[~points["flat"]].copy()
    some["bias"] = some["y"].where(some["y_low"] > 0, 0.0)
    some = some.sort_values(["x", "bias"], kind="stable")
    return some[some["bias"] < some["bias"].cummin().shift(fill_value=math.inf)]


def shows_frontiers(panels: dict[str, pd.DataFrame]) -> bool:
    """Whether some panel has a trade-off between bias and variance: a frontier of more than one point."""
    return any(len(frontier(points)) > 1 for points in panels.values())


def _costs_nothing(points: pd.DataFrame) -> pd.Series[bool]:
    return (points["x"] == 0) & ~points["flat"]


def _draw_errors(axis: Axes, points: pd.DataFrame, looks: dict[str, Look]) -> bool:
    """Curves of y against x, one per family. Returns whether something lies below the axis."""
    floor = floor_of(points["y"], points["flat"])
    free = _costs_nothing(points)
    for point in points[free].to_dict("records"):
        _draw_level(axis, point, looks[point["family"]])
    points = points[~free]
    hidden = points["y"] < floor
    _draw_front(axis, points[points["front"]], floor)
    for family, curve in points[~hidden].groupby("family", sort=False):
        _draw_curve(axis, curve.sort_values("x"), looks[str(family)])
    return _draw_floor(axis, points[hidden], looks, floor)


def _draw_biases(axis: Axes, points: pd.DataFrame, looks: dict[str, Look]) -> bool:
    """Bias against standard deviation, one mark per cell. Returns whether something lies below the axis."""
    best = frontier(points)
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
    if len(best) > 1:
        heights = best["bias"].where(best["bias"] > 0, y[0] / 2)
        axis.plot(best["x"], heights, drawstyle="steps-post", zorder=0.5, **FRONT)
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


def _draw_level(axis: Axes, point: dict[Any, Any], look: Look) -> None:
    """A cell that costs nothing of x: a line across the panel, with its interval."""
    axis.axhline(point["y"], color=look.colour, lw=1.0, ls="--", zorder=1)
    low = point["y_low"] if point["y_low"] > 0 else point["y"]
    axis.axhspan(low, point["y_high"], color=look.colour, alpha=0.12, lw=0, zorder=0.4)


def _draw_front(axis: Axes, points: pd.DataFrame, floor: float) -> None:
    """Steps through the least y at up to so much x, behind the curves."""
    if len(points) < 2:
        return
    steps = points.sort_values(["x", "y"])
    axis.plot(steps["x"], steps["y"].cummin().clip(lower=floor), drawstyle="steps-post", zorder=0.5, **FRONT)


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
