"""By what a task's estimators are ranked: MSE × cost where none is biased, else the error that stated budgets buy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from estibench.analysis.cells import at_rounding, competes, is_reference
from estibench.analysis.price import Cost, Price, at_budget, price_of, priced
from estibench.analysis.winners import Field

if TYPE_CHECKING:
    import pandas as pd

STEPS = (1.0, 16.0, 256.0)  # budgets that no suite states, in costs of the dearest single estimate
NEAT = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True)
class Criterion:
    """One way to rank.

    Attributes:
        by: what is spent.
        budget: how much of it; None where it does not matter, for none of the ranked is biased.
    """

    by: Cost
    budget: float | None

    def errors(self, cells: pd.DataFrame) -> pd.DataFrame:
        """The cells with `error` and its bounds; NaN where it is unknown, or the budget buys no estimate."""
        if self.budget is not None:
            return at_budget(cells, self.by, self.budget)
        found = {f"error{side}": f"mse_{self.by}{side}" for side in ("", "_low", "_high")}
        return cells.assign(**{name: cells[column] for name, column in found.items() if column in cells})

    def field(self, cells: pd.DataFrame, confidence: float) -> Field:
        """The contest of one block: its ok rows."""
        return Field(self.errors(cells), "error", self.by, confidence)


def criteria(cells: pd.DataFrame, by: Cost, stated: Sequence[float] = ()) -> list[Criterion]:
    """How the estimators of one task are ranked by a cost; nothing where the cells lack it.

    Where a bias shows in any cell that is left to chance, the order depends on the budget: then there is one criterion
    for each of the budgets.

    Args:
        cells: ok rows of a task.
        stated: the suite's budgets; without any, a ladder.
    """
    if by not in cells or "mse" not in cells:
        return []
    some = cells[competes(cells) & ~is_reference(cells) & ~at_rounding(cells)]
    prices = [price for price in (price_of(row, by) for row in priced(some, by)) if price is not None]
    if not any(price.bias in ("known", "shown") for price in prices):
        return [Criterion(by, None)] if f"mse_{by}" in cells else []
    return [Criterion(by, budget) for budget in (sorted(stated) or ladder(prices, by))]


def ladder(prices: Sequence[Price], by: Cost) -> tuple[float, ...]:
    """Budgets that buy every estimator one estimate at least, then 16 and 256 times as much.

    One budget is enough where averaging helps none of them, because each has a bias larger than its spread. Times are
    rounded up to 1, 2 or 5 times a power of ten.
    """
    dearest = max((price.cost for price in prices), default=0.0)
    if not 0 < dearest < math.inf:
        return ()
    helps = any(price.floor.value * price.cost < price.rate.value for price in prices)
    steps = STEPS if helps else STEPS[:1]
    return tuple(_neat(step * dearest) if by == "time" else step * dearest for step in steps)


def _neat(number: float) -> float:
    power = 10.0 ** math.floor(math.log10(number))
    return float(f"{next(step for step in NEAT if step * power >= number * (1 - 1e-9)) * power:.6g}")
