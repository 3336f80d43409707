"""Scaling laws: y ~ x^k over the cells that differ only in x, by least squares on log–log axes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from estibench.results.run_directory import Results

COLUMNS = (
    "problem",
    "estimator",
    "device",
    "dtype",
    "y",
    "x",
    "points",
    "exponent",
    "exponent_low",
    "exponent_high",
)


@dataclass(frozen=True)
class Fit:
    """y = scale · x^exponent.

    Attributes:
        exponent: the slope on log–log axes.
        low, high: its Student-t interval; NaN where two points leave nothing to judge the fit by.
        scale: y at x = 1.
    """

    exponent: float
    low: float
    high: float
    scale: float


@dataclass(frozen=True)
class Curve:
    """The cells that differ only in x, ordered by x.

    Attributes:
        problem, estimator: their labels, without x where x is a parameter of theirs.
        family: estimator without its numbers.
        points: columns `x`, `y`, `low` and `high`, all positive; the bounds fall back to y where there are none.
    """

    problem: str
    estimator: str
    family: str
    device: str
    dtype: str
    points: pd.DataFrame

    @property
    def distinct(self) -> int:
        """Number of different x."""
        return int(self.points["x"].nunique())


def fit_power_law(x: Any, y: Any, confidence: float = 0.95) -> Fit:
    """Least squares of log y on log x, with a Student-t interval on n − 2 degrees of freedom.

    Args:
        x, y: positive numbers, (n,), with at least two different x.
        confidence: of the interval. It covers the scatter around the line, not the errors of the single y.

    Raises:
        ValueError: fewer than two different x.
    """
    import numpy as np
    from scipy import stats

    log_x, log_y = np.log(np.asarray(x, dtype=float)), np.log(np.asarray(y, dtype=float))
    if len(np.unique(log_x)) < 2:
        raise ValueError("a power law needs at least two different x")
    centred = log_x - log_x.mean()
    spread = float((centred**2).sum())
    slope = float((centred * log_y).sum()) / spread
    offset = float(log_y.mean() - slope * log_x.mean())
    freedom = len(log_x) - 2
    if freedom == 0:
        return Fit(slope, math.nan, math.nan, math.exp(offset))
    residuals = log_y - offset - slope * log_x
    error = math.sqrt(float((residuals**2).sum()) / freedom / spread)
    half_width = float(stats.t.ppf(0.5 + confidence / 2, freedom)) * error
    return Fit(slope, slope - half_width, slope + half_width, math.exp(offset))


def curves(frame: pd.DataFrame, y: str, x: str) -> list[Curve]:
    """The sets of ok cells that differ only in x and have at least two different x.

    Where x is a parameter of the problem, cells of a set agree in the estimator and in every other parameter of the
    problem; where it is one of the estimator, the other way round; else in problem and family. Cells without a
    positive x and y are left out, and none are left where the table lacks either column.
    """
    import pandas as pd

    if y not in frame or x not in frame:
        return []
    rows = frame[frame["status"] == "ok"].copy()
    rows["problem"] = [_without(label, x, "problem_") for label in rows["problem"]]
    rows["estimator"] = [_without(label, x, "estimator_") for label in rows["estimator"]]
    measured = pd.DataFrame({"x": _numbers(rows, x), "y": _numbers(rows, y)})
    for side in ("low", "high"):
        bound = _numbers(rows, f"{y}_{side}")
        measured[side] = bound.where(bound > 0, measured["y"])
    usable = (measured > 0).all(axis=1) & ~measured.isin([math.inf]).any(axis=1)
    agreeing = rows.loc[usable, _what_agrees(list(rows.columns), x)]
    sets: dict[tuple[Any, ...], list[Any]] = {}
    for index, values in zip(agreeing.index, agreeing.itertuples(index=False, name=None), strict=True):
        key = tuple(None if pd.isna(value) else value for value in values)  # a NaN is a parameter that is not there
        sets.setdefault(key, []).append(index)
    found = []
    for members in sets.values():
        first = rows.loc[members[0], ["problem", "estimator", "family", "device", "dtype"]].astype(str).to_dict()
        if not x.startswith(("problem_", "estimator_")):
            first["estimator"] = first["family"]
        points = measured.loc[members].sort_values("x").reset_index(drop=True)
        curve = Curve(**{str(name): value for name, value in first.items()}, points=points)
        if curve.distinct >= 2:
            found.append(curve)
    return found


def fit(curve: Curve, confidence: float) -> Fit:
    """The power law through a curve's points."""
    return fit_power_law(curve.points["x"], curve.points["y"], confidence)


def scaling_table(results: Results) -> pd.DataFrame:
    """Every exponent that the suite asks for; see `COLUMNS`. Empty where nothing varies."""
    import pandas as pd

    confidence = float(results.about.get("settings", {}).get("confidence", 0.95))
    rows = []
    for entry in results.about.get("scaling") or []:
        y, x = entry["y"], entry["x"]
        for curve in curves(results.frame, y, x):
            law = fit(curve, confidence)
            who = (curve.problem, curve.estimator, curve.device, curve.dtype)
            rows.append((*who, y, x, len(curve.points), law.exponent, law.low, law.high))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _numbers(rows: pd.DataFrame, column: str) -> pd.Series[float]:
    """A column as floats; NaN where it is missing or holds no number."""
    import pandas as pd

    if column not in rows:
        return pd.Series(math.nan, index=rows.index, dtype=float)
    return pd.to_numeric(rows[column], errors="coerce").astype(float)


def _what_agrees(columns: list[str], x: str) -> list[str]:
    """The columns that are constant along a curve. The labels, without x, tell nested parameters apart."""
    for kind, other in (("problem", "estimator"), ("estimator", "problem")):
        if x.startswith(f"{kind}_"):
            parameters = [column for column in columns if column.startswith(f"{kind}_") and column != x]
            return [kind, *parameters, other, "device", "dtype"]
    return ["problem", "family", "device", "dtype"]


def _without(label: str, x: str, prefix: str) -> str:
    """A component's label without the parameter behind column x: `f(batch=16)` for `f(dim=64, batch=16)`."""
    name, bracket, rest = label.partition("(")
    if not bracket or not x.startswith(prefix):
        return label
    parameter = x.removeprefix(prefix)
    kept = [part for part in _arguments(rest.removesuffix(")")) if not part.startswith(f"{parameter}=")]
    return f"{name}({', '.join(kept)})" if kept else name


def _arguments(text: str) -> Iterator[str]:
    """The comma-separated parts of a label's inside; commas within brackets do not count."""
    depth, start = 0, 0
    for position, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            yield text[start:position].strip()
            start = position + 1
    yield text[start:].strip()
