"""Who wins a block: the cell that errs least among those that spend at most a budget, and by how much beyond doubt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from estibench.analysis.cells import at_rounding, is_reference
from estibench.analysis.contrast import TRIALS, Contrast, contrast, measured

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Contest:
    """The outcome of a block at one budget. Cells are named by their label in the table.

    Attributes:
        second: the best cell of another family; None where the winner's family is alone.
        rival: the cell of another family that is hardest to tell apart from the winner.
        p_value: of the hypothesis that some cell of another family errs as little as the winner: the largest of the
            pairs' p-values, for all pairs must be told apart (an intersection–union test, Berger 1982: it holds its
            level without a correction for their number). NaN without another family.
    """

    winner: Any
    second: Any
    rival: Any
    p_value: float


class Field:
    """The cells of one block that can compete for an error of which less is better.

    References compete: where certainty is within the budget, it wins. Where no budget is named, it wins where it costs
    no more than the best that is left to chance. Errors of no more than rounding tie at 0, others where they agree in
    six digits; the cheaper cell wins then, or else the first in the table.

    Args:
        cells: ok rows of one block.
        error: its column: `mse`, `mse_work`, `mse_time`, or another.
        cost: what a budget limits, `work` or `time`.
        confidence: of the rows' intervals.
    """

    def __init__(self, cells: pd.DataFrame, error: str, cost: str, confidence: float) -> None:
        import numpy as np
        import pandas as pd

        self.error, self.confidence = error, confidence
        reference = is_reference(cells).to_numpy(dtype=bool)
        flat = at_rounding(cells).to_numpy(dtype=bool) | reference
        values, costs = (pd.to_numeric(cells[name], errors="coerce").to_numpy(dtype=float) for name in (error, cost))
        values = np.where(flat & ~np.isnan(values), 0.0, values)
        values = np.array([float(f"{value:.6g}") for value in values])
        usable = np.isfinite(values) & np.isfinite(costs) & (costs >= 0)
        order = [at for at in np.lexsort((costs, values)) if usable[at]]
        self.entries = pd.DataFrame(
            {
                "error": values[order],
                "cost": costs[order],
                "family": cells["family"].to_numpy()[order],
                "flat": flat[order],
                "reference": reference[order],
            },
            index=cells.index[order],
        )
        needed = [name for name in (error, f"{error}_low", f"{error}_high", *TRIALS) if name in cells]
        rows = cells[needed].iloc[order].to_dict("records")
        self._rows: dict[Any, dict[Any, Any]] = dict(zip(self.entries.index, rows, strict=True))
        self._pairs: dict[tuple[Any, Any], float] = {}

    def contest(self, budget: float | None = None) -> Contest | None:
        """The outcome among the cells that spend at most the budget; None where no cell does."""
        return self.among(self.entries if budget is None else self.entries[self.entries["cost"] <= budget], budget)

    def among(self, some: pd.DataFrame, budget: float | None = None) -> Contest | None:
        """The outcome among some of the entries, in their order."""
        return self._outcome(some if budget is not None else without_dear_references(some))

    def _outcome(self, some: pd.DataFrame) -> Contest | None:
        if some.empty:
            return None
        winner = some.index[0]
        others = some.index[some["family"] != some.loc[winner, "family"]]
        if others.empty:
            return Contest(winner, None, None, math.nan)
        chances = {other: self.p_value(winner, other) for other in others}
        rival = max(chances, key=lambda other: chances[other])
        return Contest(winner, others[0], rival, chances[rival])

    def p_value(self, winner: Any, other: Any) -> float:
        """Of the hypothesis that both err alike."""
        if (winner, other) not in self._pairs:
            found = self.ratio(other, winner)
            self._pairs[winner, other] = 1.0 if found is None else found.p_value
        return self._pairs[winner, other]

    def ratio(self, one: Any, other: Any) -> Contrast | None:
        """The error of one cell over another's; None where both are no more than rounding.

        An error above rounding over one of rounding is infinite, beyond doubt.
        """
        flats = [bool(self.entries["flat"][label]) for label in (one, other)]
        if all(flats):
            return None
        if any(flats):
            ratio = 0.0 if flats[0] else math.inf
            return Contrast(ratio, ratio, ratio, 0.0)
        a, b = (measured(self._rows[label], self.error, self.confidence) for label in (one, other))
        return contrast(a, b, self.confidence)


def without_dear_references(entries: pd.DataFrame) -> pd.DataFrame:
    """Entries of a field, in their order, without the references that cost more than the best of the others."""
    chance = entries[~entries["reference"]]
    return entries if chance.empty else entries[~entries["reference"] | (entries["cost"] <= chance["cost"].iloc[0])]
