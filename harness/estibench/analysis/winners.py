"""Who wins a block: the cell that errs least among those that spend at most a budget, and by how much beyond doubt."""

from __future__ import annotations

import math
from collections.abc import Sequence
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


@dataclass(frozen=True)
class Entry:
    """A cell that competes.

    Attributes:
        label: of its row in the table.
        error: to six digits; 0 where no more than rounding is left.
        flat: whether that is so.
        place: of its row in the block.
    """

    label: Any
    error: float
    cost: float
    family: str
    flat: bool
    reference: bool
    place: int


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
        self.error, self.confidence = error, confidence
        reference = is_reference(cells).tolist()
        rounding = at_rounding(cells).tolist()
        columns = {name: cells[name].tolist() for name in (error, *_sides(error), *TRIALS, cost) if name in cells}
        found = []
        for at, (label, family) in enumerate(zip(cells.index, cells["family"], strict=True)):
            value, spent = _number(columns[error][at]), _number(columns[cost][at])
            flat = bool(rounding[at] or reference[at])
            if math.isfinite(value) and math.isfinite(spent) and spent >= 0:
                size = 0.0 if flat else float(f"{value:.6g}")
                found.append(Entry(label, size, spent, str(family), flat, bool(reference[at]), at))
        self.entries = sorted(found, key=lambda one: (one.error, one.cost))
        self._flat = {one.label: one.flat for one in found}
        self._rows = {one.label: {name: values[one.place] for name, values in columns.items()} for one in found}
        self._pairs: dict[tuple[Any, Any], float] = {}

    def contest(self, budget: float | None = None) -> Contest | None:
        """The outcome among the cells that spend at most the budget; None where no cell does."""
        some = self.entries if budget is None else [one for one in self.entries if one.cost <= budget]
        return self.among(some, budget)

    def among(self, some: Sequence[Entry], budget: float | None = None) -> Contest | None:
        """The outcome among some of the entries, in their order."""
        some = some if budget is not None else without_dear_references(some)
        if not some:
            return None
        winner = some[0].label
        others = [one.label for one in some if one.family != some[0].family]
        if not others:
            return Contest(winner, None, None, math.nan)
        chances = {other: self.p_value(winner, other) for other in others}
        rival = max(chances, key=lambda other: chances[other])
        return Contest(winner, others[0], rival, chances[rival])

    def is_flat(self, label: Any) -> bool:
        """Whether a cell has no error but rounding."""
        return self._flat[label]

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
        flats = [self._flat[label] for label in (one, other)]
        if all(flats):
            return None
        if any(flats):
            ratio = 0.0 if flats[0] else math.inf
            return Contrast(ratio, ratio, ratio, 0.0)
        a, b = (measured(self._rows[label], self.error, self.confidence) for label in (one, other))
        return contrast(a, b, self.confidence)


def without_dear_references(entries: Sequence[Entry]) -> list[Entry]:
    """Entries of a field, in their order, without the references that cost more than the best of the others."""
    most = next((one.cost for one in entries if not one.reference), math.inf)
    return [one for one in entries if not one.reference or one.cost <= most]


def _sides(column: str) -> tuple[str, str]:
    return f"{column}_low", f"{column}_high"


def _number(value: Any) -> float:
    try:
        return math.nan if value is None else float(value)
    except (TypeError, ValueError):
        return math.nan
