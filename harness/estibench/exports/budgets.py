"""What wins by price: by MSE × cost where nobody is biased, else at stated budgets, and where the order turns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from estibench.analysis.cells import is_reference
from estibench.analysis.criteria import Criterion, criteria
from estibench.analysis.flips import BreakEven, break_even
from estibench.analysis.price import Cost, price_of
from estibench.analysis.winners import Contest, Field
from estibench.columns import EFFICIENCIES
from estibench.exports.contests import (
    REFUTED,
    SummaryTable,
    cheapest_reference,
    in_doubt,
    named,
    seconds,
    short,
    unit_of_work,
)

if TYPE_CHECKING:
    import pandas as pd

COSTS: tuple[Cost, ...] = ("work", "time")
FLOOR = "▁"

EFFICIENT = (
    "The estimator with the least MSE × work by counted cost, and MSE × time by the clock: half the MSE for twice the "
    "cost is as good. No bias shows in any of them, so this order holds at every budget. The exact answer competes "
    "where it costs no more than the best of them. "
)
AT_BUDGETS = (
    "The estimator whose average errs least when estimates are made until the budget is spent: bias² + variance × "
    "cost / budget. A bias does not average out, so the order depends on the budget. "
    f"{FLOOR}: its bias is the larger part of its error there, and a larger budget helps little. "
    "[In brackets]: the exact answer is affordable there and wins; this is the best without it. "
)
SIGNS = (
    "†: not told apart from every other kind, at 5 % with Holm's correction. °: no more than rounding is left. "
    f"{REFUTED}"
)
TRAINING = (
    " What a biased gradient does to a training run is another question, which fits answer: they follow the loss along "
    "whole runs."
)
FLIPS = (
    "Between two budgets above with different winners: the budget at which the averages of the two err alike, with its "
    "confidence interval. †: either is not told apart from the other on its side. The bias is relative to the truth: "
    "no budget goes below it; –: none is claimed to be left, ≤: none shows."
)


@dataclass(frozen=True)
class Flip:
    """Two winners at neighbouring budgets.

    Attributes:
        below, above: rows of the table: who errs less below the break-even, and above.
        found: the break-even; `at` is NaN where the second wins as soon as it is affordable.
        start: the least budget that affords both.
    """

    block: str
    below: Mapping[Any, Any]
    above: Mapping[Any, Any]
    found: BreakEven
    start: float


def price_tables(
    cells: pd.DataFrame, task: str, stated: Mapping[str, Sequence[float]], level: float
) -> list[SummaryTable]:
    """The winners of every block of a task, and where the order turns.

    Args:
        cells: ok rows of the task, with their block in words.
        stated: the suite's budgets, by cost.
        level: confidence of the intervals.
    """
    ranked = {by: criteria(cells, by, stated.get(by, ())) for by in COSTS}
    tables = []
    fair = [criterion for found in ranked.values() for criterion in found if criterion.budget is None]
    if fair:
        tables.append(winners_table(cells, f"Most efficient ({task})", EFFICIENT + SIGNS, fair, level))
    for by, found in ranked.items():
        if found and found[0].budget is not None:
            title = f"Best at a budget ({task}, budget in {unit_of_budget(cells, by)})"
            tables.append(winners_table(cells, title, AT_BUDGETS + SIGNS + about(cells, task), found, level))
            tables.append(flips_table(cells, task, found, level))
    return [table for table in tables if table.rows]


def about(cells: pd.DataFrame, task: str) -> str:
    """What averages do not say about the task."""
    return TRAINING if "gradient" in task else ""


def winners_table(
    cells: pd.DataFrame, title: str, explanation: str, ranked: Sequence[Criterion], level: float
) -> SummaryTable:
    """The winner of each block by each criterion, and what the exact answer costs."""
    contests = {
        (str(block), criterion): (field, found)
        for block, some in cells.groupby("block", sort=False)
        for criterion in ranked
        for field in [criterion.field(some if criterion.budget is None else some[~some["reference"]], level)]
        if (found := field.contest(criterion.budget)) is not None
    }
    doubtful = in_doubt({place: found for place, (_, found) in contests.items()})
    rows = []
    for block, some in cells.groupby("block", sort=False):
        places = [(str(block), one) for one in ranked]
        texts = [_told(*contests[at], some, at[1], at in doubtful) if at in contests else "" for at in places]
        if any(texts):
            rows.append((str(block), *texts, cheapest_reference(some[some["reference"]])))
    exact = f"exact:\n{unit_of_work(cells)}, time"
    return SummaryTable(title, explanation, ("problem", *map(heading_of, ranked), exact), tuple(rows))


def _told(field: Field, found: Contest, cells: pd.DataFrame, criterion: Criterion, doubt: bool) -> str:
    """The winner with its signs."""
    row, by, budget = cells.loc[found.winner], criterion.by, criterion.budget
    flat = field.is_flat(found.winner)
    text = named(row) + ("°" if flat and not row["reference"] else "")
    if budget is None:
        return f"{text} †" if doubt and not flat else text
    price = price_of(row, by)
    if not flat:
        text += f" {FLOOR}" if price and price.half_is_bias(budget) else ""
        text += " †" if doubt else ""
    certain = cells.loc[cells["reference"] & (cells[by] <= budget), by].min()
    return f"[{text}]" if certain <= (row[by] if flat else budget) else text


def heading_of(criterion: Criterion) -> str:
    """A criterion above a column of a table that names the unit."""
    if criterion.budget is None:
        return f"lowest {EFFICIENCIES[f'mse_{criterion.by}']}"
    return f"at {seconds(criterion.budget) if criterion.by == 'time' else amount(criterion.budget)}"


def budget_in_words(cells: pd.DataFrame, criterion: Criterion) -> str:
    """A criterion's budget with its unit: `512 evaluations`, `2 ms`."""
    budget = criterion.budget or 0.0
    return seconds(budget) if criterion.by == "time" else f"{amount(budget)} {unit_of_work(cells)}"


def amount(budget: float) -> str:
    """Counted work: `16384`, `1.31e+05` from a hundred thousand on."""
    return short(budget) if budget < 1e5 else f"{budget:.3g}"


def unit_of_budget(cells: pd.DataFrame, by: Cost) -> str:
    return "seconds" if by == "time" else unit_of_work(cells)


def flips(cells: pd.DataFrame, ranked: Sequence[Criterion], level: float) -> Iterator[Flip]:
    """Where the order of those left to chance turns between the budgets, one for any two neighbouring winners.

    Within a family nothing turns: its points differ in how much they spend at once.
    """
    chance = cells[~is_reference(cells)]
    for block, some in chance.groupby("block", sort=False):
        best = [found.winner for one in ranked if (found := one.field(some, level).contest(one.budget)) is not None]
        for below, above in pairwise(best):
            rows = some.loc[below], some.loc[above]
            if rows[0]["family"] == rows[1]["family"]:
                continue
            prices = [price_of(row, ranked[0].by) for row in rows]
            first, second = (price for price in prices if price is not None)
            start = max(first.cost, second.cost)
            yield Flip(str(block), rows[0], rows[1], break_even(first, second), start)


def flips_table(cells: pd.DataFrame, task: str, ranked: Sequence[Criterion], level: float) -> SummaryTable:
    """The break-even budgets."""
    by = ranked[0].by
    rows = tuple(
        (
            flip.block,
            named(flip.below),
            flip_in_words(flip, by),
            named(flip.above),
            f"{kept_bias(flip.below, by)} → {kept_bias(flip.above, by)}",
        )
        for flip in flips(cells, ranked, level)
    )
    title = f"Where the order turns ({task}, budget in {unit_of_budget(cells, by)})"
    return SummaryTable(title, FLIPS, ("problem", "best below", "break-even", "best above", "bias"), rows)


def flip_in_words(flip: Flip, by: Cost) -> str:
    """A break-even with its interval: `310 [250, 390]`."""

    def told(budget: float) -> str:
        return "∞" if math.isinf(budget) else seconds(budget) if by == "time" else amount(float(f"{budget:.3g}"))

    if math.isnan(flip.found.at):
        return f"{told(flip.start)}: affordable" + ("" if flip.found.shown else " †")
    low, high = max(flip.found.low, flip.start), flip.found.high
    return f"{told(flip.found.at)} [{told(low)}, {told(high)}]" + ("" if flip.found.shown else " †")


def kept_bias(row: Mapping[Any, Any], by: Cost) -> str:
    """What averaging leaves, relative to the truth where that is not 0."""
    price = price_of(row, by)
    if price is None or price.bias == "none":
        return "–"
    scale = float(row.get("truth_norm") or math.nan)
    scale = scale if scale > 0 else 1.0
    if price.bias == "open":
        return f"≤ {math.sqrt(price.floor.high) / scale:.2g}" if math.isfinite(price.floor.high) else "?"
    return f"{math.sqrt(price.floor.value) / scale:.2g}"
