"""Curves: the cells that differ only in x, as points of y against x."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from estibench.analysis.cells import at_rounding
from estibench.columns import ERRORS, is_counted

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

NAMES = ("problem", "estimator", "family", "estimator_name", "device", "dtype")


@dataclass(frozen=True)
class Curve:
    """The cells that differ only in x, ordered by x.

    Attributes:
        problem, estimator: their labels, without x where x is a parameter of theirs.
        family: estimator without its numbers.
        estimator_name: the estimator's registered name.
        points: columns `x` and `y`, positive, and the bounds `low` and `high` of y: y itself where it is exact, NaN
            where the table has none or one that is not positive and finite; `cell`, the point's label in the table.
        exact: whether y is counted, not measured.
    """

    problem: str
    estimator: str
    family: str
    estimator_name: str
    device: str
    dtype: str
    points: pd.DataFrame
    exact: bool

    @property
    def distinct(self) -> int:
        """Number of different x."""
        return int(self.points["x"].nunique())

    def log_errors(self, confidence: float) -> NDArray[Any]:
        """Standard error of each log y, (points,): log(high / low) / 2q, with q the normal quantile of `confidence`.

        0 where y is exact; NaN where its bounds are not known.
        """
        import numpy as np

        low, high = (self.points[side].to_numpy(dtype=float) for side in ("low", "high"))
        return np.log(high / low) / (2 * normal_quantile(confidence))


def normal_quantile(confidence: float) -> float:
    """Half-width of a two-sided normal interval, in standard errors: 1.96 at 0.95."""
    from scipy.special import ndtri

    return float(ndtri(0.5 + confidence / 2))


def curves(frame: pd.DataFrame, y: str, x: str) -> list[Curve]:
    """The sets of ok cells that differ only in x and have at least two different x.

    Where x is a parameter of the problem, cells of a set agree in the estimator and in every other parameter of the
    problem; where it is one of the estimator, the other way round; else in problem and family. Left out are cells
    without a positive x and y, and errors of no more than rounding, whose size follows no law. None are left where the
    table lacks either column.
    """
    import pandas as pd

    if y not in frame or x not in frame:
        return []
    exact = is_counted(y)
    rows = frame[frame["status"] == "ok"]
    names = {
        kind: rows[kind].map({label: without_parameter(label, x, f"{kind}_") for label in rows[kind].unique()})
        for kind in ("problem", "estimator")
    }
    rows = rows.assign(**names)
    measured = pd.DataFrame({"x": _positive(rows, x), "y": _positive(rows, y)})
    for side in ("low", "high"):
        measured[side] = measured["y"] if exact else _positive(rows, f"{y}_{side}")
    usable = measured[["x", "y"]].notna().all(axis=1)
    if y in ERRORS:
        usable &= ~at_rounding(rows)
    agreeing = rows.loc[usable, _what_agrees(list(rows.columns), x)]
    absent = agreeing.isna().to_numpy()  # a NaN is a parameter that is not there
    sets: dict[tuple[Any, ...], list[Any]] = {}
    values = agreeing.itertuples(index=False, name=None)
    for index, row, missing in zip(agreeing.index, values, absent, strict=True):
        key = tuple(None if gone else value for value, gone in zip(row, missing, strict=True))
        sets.setdefault(key, []).append(index)
    places = measured["x"].to_dict()
    found = []
    for members in sets.values():
        if len({places[one] for one in members}) < 2:
            continue
        first = {name: str(rows.at[members[0], name]) for name in NAMES}
        if not x.startswith(("problem_", "estimator_")):
            first["estimator"] = first["family"]
        points = measured.loc[members].rename_axis("cell").sort_values("x").reset_index()
        found.append(Curve(**first, points=points, exact=exact))
    return found


def _positive(rows: pd.DataFrame, column: str) -> pd.Series[float]:
    """A column as floats; NaN where it is missing or holds no positive, finite number."""
    import pandas as pd

    if column not in rows:
        return pd.Series(math.nan, index=rows.index, dtype=float)
    numbers = pd.to_numeric(rows[column], errors="coerce").astype(float)
    return numbers.where((numbers > 0) & (numbers < math.inf))


def _what_agrees(columns: list[str], x: str) -> list[str]:
    """The columns that are constant along a curve. The labels, without x, tell nested parameters apart."""
    for kind, other in (("problem", "estimator"), ("estimator", "problem")):
        if x.startswith(f"{kind}_"):
            parameters = [column for column in columns if column.startswith(f"{kind}_") and column != x]
            return [kind, *parameters, other, "device", "dtype"]
    return ["problem", "family", "device", "dtype"]


def without_parameter(label: str, x: str, prefix: str) -> str:
    """A component's label without the parameter behind column x: `f(batch=16)` for `f(dim=64, batch=16)`."""
    name, bracket, rest = label.partition("(")
    if not bracket or not x.startswith(prefix):
        return label
    parameter = x.removeprefix(prefix)
    kept = [part for part in arguments(rest.removesuffix(")")) if not part.startswith(f"{parameter}=")]
    return f"{name}({', '.join(kept)})" if kept else name


def arguments(text: str) -> Iterator[str]:
    """The comma-separated parts of a label's inside; commas within brackets do not count."""
    depth, start = 0, 0
    for position, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            yield text[start:position].strip()
            start = position + 1
    yield text[start:].strip()
