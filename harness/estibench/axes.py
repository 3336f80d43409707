"""Which columns a plot may have as its x and y, and what it takes where none is named."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from estibench.columns import CURVE_AXES, EFFICIENCIES, why_unknown
from estibench.errors import did_you_mean

# The default of x and y by kind; None where a kind has no such axis.
DEFAULTS: dict[str, tuple[str | None, str | None]] = {
    "error_cost": ("work", "relative_rmse"),
    "scaling": ("problem_dim", "time"),
    "bias_variance": ("relative_std", "relative_bias"),
    "ranks": (None, "mse_work"),
    "curves": ("step", None),
    "regime": ("problem_dim", "mse"),
    "verdicts": (None, "family"),
    "race": (None, None),
    "parts": (None, None),
}
# The choices of axes that are no free columns, in words for a message, and the names.
CHOICES: dict[tuple[str, str], tuple[str, Collection[str]]] = {
    ("ranks", "y"): ("ranks are by", tuple(EFFICIENCIES)),
    ("curves", "x"): ("curves run along", CURVE_AXES),
    ("regime", "y"): ("winners of a regime map are by", ("mse", *EFFICIENCIES)),
    ("verdicts", "y"): ("the rows of a verdict matrix are by", ("family", "estimator")),
}
# Why there is nothing to choose.
NO_AXIS = {
    ("ranks", "x"): "a plot of ranks has no x",
    ("curves", "y"): "a plot of curves has no choice of y: it shows the mean error",
    ("verdicts", "x"): "a verdict matrix has no choice of x: its columns are the claims",
    ("race", "x"): "a race is run along both steps and time",
    ("race", "y"): "a race has no choice of y: it shows the mean error",
    ("parts", "x"): "the parts of an error have no choice of x: they are in the problem's own units",
    ("parts", "y"): "the parts of an error have no choice of y: its rows are the estimators",
}


def axes_of(plot: dict[str, Any]) -> tuple[str | None, str | None]:
    """The plot's x and y: what it names, or what its kind takes."""
    x, y = DEFAULTS[plot["kind"]]
    return plot.get("x") or x, plot.get("y") or y


def why_no_axis(kind: str, axis: str, column: str, known: set[str]) -> str | None:
    """What is wrong with an axis of a plot, `x` or `y`, or None.

    Args:
        known: columns of the table.
    """
    if (kind, axis) in NO_AXIS:
        return NO_AXIS[kind, axis]
    if (kind, axis) in CHOICES:
        words, names = CHOICES[kind, axis]
        if column in names:
            return None
        return f"{words} {' or '.join(names)}, got {column!r}{did_you_mean(column, names)}"
    unknown = why_unknown(column, known)
    if unknown is None and (kind, axis) == ("regime", "x") and not column.startswith("problem_"):
        return f"the x of a regime map is a parameter of the problem, problem_…, got {column!r}"
    return unknown
