"""Who wins where: the most accurate estimators at equal work, and the most efficient ones, problem by problem."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from estibench.analysis.cells import at_rounding, is_reference
from estibench.columns import BLOCK, EFFICIENCIES, label

if TYPE_CHECKING:
    import pandas as pd

SAME_WORK = 1.5  # budgets within this factor count as the same
MOST_CLASSES = 5
CONTESTED = ("mse", "mse_low", "mse_high", "work", "time", "mse_work", "mse_time")

AT_EQUAL_WORK = (
    "The kind of estimator with the lowest error among those whose work is the same within a factor of 1.5. "
    "†: the runner-up's confidence interval overlaps. Deterministic references do not compete."
)
EFFICIENT = (
    "The estimator with the least MSE × work by counted cost, and MSE × time by the clock: half the MSE for twice the "
    "cost is as good. °: no more than rounding is left. The last column is what certainty costs instead."
)


@dataclass(frozen=True)
class SummaryTable:
    """A table in plain text; `explanation` says in words what it shows."""

    title: str
    explanation: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def measured(frame: pd.DataFrame) -> pd.DataFrame:
    """Ok cells with their block in words, and what the contests must know of them."""
    import pandas as pd

    several = several_places(frame)
    numbers = {name: pd.to_numeric(frame[name]) for name in CONTESTED if name in frame}
    marked = frame.assign(reference=is_reference(frame), rounding=at_rounding(frame), **numbers)
    ok = marked[frame["status"] == "ok"]
    return ok.assign(block=[block_label(row, several) for row in ok[BLOCK].to_dict("records")])


def at_equal_work(cells: pd.DataFrame, task: str) -> SummaryTable:
    """The most accurate family of each problem in each class of work."""
    classes: list[list[float]] = []
    rows: list[tuple[str, ...]] = []
    if {"mse", "work"} <= {*cells.columns}:
        cells = cells[~cells["reference"] & (cells["work"] > 0) & cells["mse"].notna()]
        classes = contested_classes(cells)
        for block, some in cells.groupby("block", sort=False):
            winners = [_winner(some[some["work"].isin(works)]) for works in classes]
            if any(winners):
                rows.append((str(block), *winners))
    heads = [f"work {short(works[0])}" + (f"–{short(works[-1])}" if len(works) > 1 else "") for works in classes]
    title = f"Most accurate at equal work ({task}, work in {unit_of_work(cells)})"
    return SummaryTable(title, AT_EQUAL_WORK, ("problem", *heads), tuple(rows))


def contested_classes(cells: pd.DataFrame) -> list[list[float]]:
    """Amounts of work in classes of about equal size, where families compete: the busiest, in order."""
    classes: list[list[float]] = []
    for work in sorted(set(cells["work"])):
        if classes and work <= SAME_WORK * classes[-1][0]:
            classes[-1].append(work)
        else:
            classes.append([work])

    def contests(works: list[float]) -> int:
        families = cells[cells["work"].isin(works)].groupby("block")["family"].nunique()
        return int(families[families > 1].sum())

    busiest = sorted(filter(contests, classes), key=contests, reverse=True)[:MOST_CLASSES]
    return sorted(busiest)


def _winner(cells: pd.DataFrame) -> str:
    """The family with the lowest MSE, with a dagger where another's interval overlaps; empty without a contest."""
    if cells["family"].nunique() < 2:
        return ""
    best = cells.nsmallest(1, "mse").iloc[0]
    others = cells[cells["family"] != best["family"]]
    bound = best.get("mse_high", best["mse"])
    lows = others.get("mse_low", others["mse"])
    tied = not bool((lows > bound).all()) or (bool(best["rounding"]) and bool(others["rounding"].any()))
    return f"{best['family']} †" if tied else str(best["family"])


def most_efficient(cells: pd.DataFrame) -> SummaryTable:
    """The best estimator of each block by each work-normalised error, and what the exact answer costs."""
    columns = [column for column in EFFICIENCIES if column in cells]
    rows = []
    for block, some in cells.groupby("block", sort=False):
        best = [_most_efficient_by(some[~some["reference"]], column) for column in columns]
        if any(best):
            rows.append((str(block), *best, _price(some[some["reference"]])))
    header = (
        "problem",
        *(f"lowest {EFFICIENCIES[column]}" for column in columns),
        f"exact:\n{unit_of_work(cells)}, time",
    )
    return SummaryTable("Most efficient", EFFICIENT, header, tuple(rows))


def _most_efficient_by(cells: pd.DataFrame, column: str) -> str:
    cells = cells[cells[column].notna()]
    if cells.empty:
        return ""
    rounding = cells[cells["rounding"]]
    if not rounding.empty:
        return f"{rounding.nsmallest(1, column.removeprefix('mse_')).iloc[0]['estimator']}°"
    return str(cells.nsmallest(1, column).iloc[0]["estimator"])


def _price(references: pd.DataFrame) -> str:
    """What the cheapest deterministic answer costs."""
    if references.empty:
        return ""
    columns = [column for column in ("time", "work") if column in references and references[column].notna().any()]
    if not columns:
        return ""
    cheapest = references.nsmallest(1, columns[0]).iloc[0]
    texts = [short(cheapest["work"])] if "work" in columns else []
    return ", ".join([*texts, *([seconds(cheapest["time"])] if "time" in columns else [])])


def seconds(time: float) -> str:
    """A time for people: `31.5 ms`."""
    units = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}
    unit = next((name for name, size in units.items() if time >= size), "µs")
    return f"{time / units[unit]:.3g} {unit}"


def several_places(frame: pd.DataFrame) -> bool:
    """Whether the run has more than one device or dtype."""
    return len(frame[["device", "dtype"]].drop_duplicates()) > 1


def block_label(row: Any, several: bool) -> str:
    return f"{row['problem']} [{row['device']}, {row['dtype']}]" if several else str(row["problem"])


def unit_of_work(cells: pd.DataFrame) -> str:
    """What work counts, where the cells agree."""
    if "work" not in cells or cells.empty:
        return "units of work"
    costs = (str(name) for name in cells.columns if str(name).startswith("cost_"))
    return next((label(name) for name in costs if cells[name].equals(cells["work"])), "units of work")


def short(number: float | None) -> str:
    if number is None or math.isnan(number):
        return "?"
    return f"{number:.0f}" if number == round(number) and abs(number) < 1e6 else f"{number:.3g}"
