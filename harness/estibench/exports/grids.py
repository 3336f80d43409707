"""Scaling exponents and break-evens laid out as text, for Markdown and for the report."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from estibench.columns import label

if TYPE_CHECKING:
    import pandas as pd

SCALING_CAPTION = (
    "Exponent k of y ~ x^k over the cells that differ only in x, by least squares on log–log axes. In brackets: for "
    "counted quantities, which are exact, the least and the greatest slope between neighbouring points; for measured "
    "ones the confidence interval of k, where the points or their scatter give one."
)
BREAK_EVEN_CAPTION = (
    "The x where two estimators' curves of y cross, with its confidence interval in brackets: choose the one estimator "
    "below it and the other above. Only crossings where each estimator is significantly better on its side, within "
    "the range of x that was measured for both."
)
NO_BREAK_EVEN = "No two of the curves demonstrably cross."


@dataclass(frozen=True)
class Grid:
    """A table of text. The first `names` columns say what a line is about."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    names: int


def scaling_grids(exponents: pd.DataFrame) -> list[Grid]:
    """A `scaling_table` as one grid for each x: a line per curve, a column per quantity."""
    who = ["problem", "estimator", *_places(exponents)]
    grids = []
    for x, fits in exponents.groupby("x", sort=False):
        quantities = list(dict.fromkeys(fits["y"]))
        rows = []
        for key, group in fits.groupby(who, sort=False):
            numbers = group[["exponent", "exponent_low", "exponent_high"]].to_numpy(dtype=float).tolist()
            found = {y: exponent_text(*bounds) for y, bounds in zip(group["y"], numbers, strict=True)}
            rows.append((*map(str, key), *(found.get(y, "") for y in quantities)))
        grids.append(Grid(f"Against {label(str(x))}", (*who, *map(label, quantities)), tuple(rows), len(who)))
    return grids


def break_even_grids(crossings: pd.DataFrame) -> list[Grid]:
    """A `break_even_table` as one grid for each y and x: a line per crossing."""
    names = ["problem", *_places(crossings), "better_below", "better_above"]
    grids = []
    for (y, x), found in crossings.groupby(["y", "x"], sort=False):
        numbers = found[["break_even", "break_even_low", "break_even_high"]].to_numpy(dtype=float).tolist()
        lines = found[names].astype(str).itertuples(index=False, name=None)
        rows = tuple((*line, break_even_text(*bounds)) for line, bounds in zip(lines, numbers, strict=True))
        header = (*(name.replace("_", " ") for name in names), f"break-even {label(str(x))}")
        grids.append(Grid(f"{_upper(label(str(y)))} against {label(str(x))}", header, rows, len(names)))
    return grids


def exponent_text(exponent: float, low: float, high: float) -> str:
    """An exponent with its interval: `1.02 [0.98, 1.06]`."""
    texts = [f"{round(number, 2) + 0.0:.2f}" for number in (exponent, low, high)]
    return texts[0] if math.isnan(low) else f"{texts[0]} [{texts[1]}, {texts[2]}]"


def break_even_text(at: float, low: float, high: float) -> str:
    """A break-even with its interval: `57.3 [51.2, 64.8]`."""
    return f"{at:.3g} [{low:.3g}, {high:.3g}]"


def _places(rows: pd.DataFrame) -> list[str]:
    """The columns that say where a line was measured, if there are several places."""
    places = ["device", "dtype"]
    return places if len(rows[places].drop_duplicates()) > 1 else []


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
