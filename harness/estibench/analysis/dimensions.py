"""Which measured dimensions speak for another one, and what estimators spend there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from estibench.analysis.price import Cost

if TYPE_CHECKING:
    import pandas as pd

DIM = "problem_dim"


def dims_for(cells: pd.DataFrame, dim: float | None) -> tuple[list[float | None], bool]:
    """The dimensions that speak for the one that is asked about, and whether it lies among them."""
    known = sorted(float(value) for value in cells[DIM].dropna().unique())
    if dim is None:
        return [*known, *([None] if cells[DIM].isna().any() else [])], True
    below, above = [one for one in known if one <= dim], [one for one in known if one >= dim]
    return list(dict.fromkeys([*below[-1:], *above[:1]])), bool(below and above)


def spending_at(dim: float | None, cells: pd.DataFrame, all_dims: pd.DataFrame, by: Cost) -> pd.DataFrame:
    """The cells of one block with what one estimate spends at another dimension; bounds, and MSE × cost, scale alike.

    Args:
        all_dims: the cells of the same problem in all dimensions.
    """
    import pandas as pd

    if dim is None:
        return cells
    costs = pd.Series({index: _cost_at(all_dims, row, dim, by) for index, row in cells.iterrows()}, dtype=float)
    factor = (costs / pd.to_numeric(cells[by])).fillna(1.0)
    bounds = [f"{by}{side}" for side in ("_low", "_high") if f"{by}{side}" in cells]
    scaled = {name: pd.to_numeric(cells[name]) * factor for name in bounds}
    efficiency = {
        name: pd.to_numeric(cells[name]) * factor
        for name in (f"mse_{by}{side}" for side in ("", "_low", "_high"))
        if name in cells
    }
    return cells.assign(**{by: costs}, **scaled, **efficiency)


def _cost_at(cells: pd.DataFrame, row: pd.Series[Any], dim: float, by: Cost) -> float:
    """What an estimator spends at the dimension: on a line through its two nearest costs, log–log.

    Where it was measured in one dimension only, what it spends there.
    """
    import pandas as pd

    here = float(pd.to_numeric(row[by]))
    if not here > 0:
        return here
    same = cells[cells["estimator"] == row["estimator"]]
    points = sorted(
        (abs(math.log(one / dim)), math.log(one), math.log(cost))
        for one, cost in zip(same[DIM], pd.to_numeric(same[by]), strict=True)
        if one > 0 and cost > 0
    )[:2]
    if len(points) < 2 or points[0][1] == points[1][1]:
        return here
    (_, x, y), (_, other_x, other_y) = points
    found = math.exp(y + (other_y - y) * (math.log(dim) - x) / (other_x - x))
    return round(found, 9) if by == "work" else found
