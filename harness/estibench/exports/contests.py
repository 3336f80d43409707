"""Who is most accurate at equal work, problem by problem; and how tables name winners, budgets and places."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from estibench.analysis.cells import at_rounding, is_reference
from estibench.analysis.verdicts import ERROR_RATE, holm
from estibench.analysis.winners import Contest, Field
from estibench.columns import BLOCK, label

if TYPE_CHECKING:
    import pandas as pd

SAME_WORK = 1.5  # budgets within this factor count as the same
MOST_CLASSES = 5
CONTESTED = ("mse", "mse_low", "mse_high", "work", "time", "mse_work", "mse_time")

REFUTED = "✗: a claim of it was refuted, see below."
AT_EQUAL_WORK = (
    "The kind of estimator with the lowest error of one estimate among those whose work is the same within a factor of "
    "1.5, and the exact answer where it costs no more. †: not told apart from every other kind, at 5 % with Holm's "
    f"correction. °: no more than rounding is left. {REFUTED}"
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


def at_equal_work(cells: pd.DataFrame, task: str, level: float) -> SummaryTable:
    """The most accurate family of each problem in each class of work; `level` is the confidence of the intervals."""
    classes: list[list[float]] = []
    rows: list[tuple[str, ...]] = []
    if {"mse", "work"} <= {*cells.columns}:
        cells = cells[(cells["work"] > 0) & cells["mse"].notna()]
        classes = contested_classes(cells[~cells["reference"]])
        contests = {
            (block, at): found
            for block, some in cells.groupby("block", sort=False)
            for at, works in enumerate(classes)
            if (found := _contest(some, works, level)) is not None
        }
        doubtful = in_doubt(contests)
        for block in cells["block"].unique():
            winners = [
                _told(cells, contests[block, at], (block, at) in doubtful) if (block, at) in contests else ""
                for at in range(len(classes))
            ]
            if any(winners):
                rows.append((str(block), *winners))
    heads = [f"work {short(works[0])}" + (f"–{short(works[-1])}" if len(works) > 1 else "") for works in classes]
    title = f"Most accurate at equal work ({task}, work in {unit_of_work(cells)})"
    return SummaryTable(title, AT_EQUAL_WORK, ("problem", *heads), tuple(rows))


def _contest(cells: pd.DataFrame, works: list[float], level: float) -> Contest | None:
    """Among the cells of one class of work, and the exact answer where it costs no more than the best of them."""
    chance = cells[~cells["reference"] & cells["work"].isin(works)]
    if chance["family"].nunique() < 2:
        return None
    return Field(cells[cells["reference"] | cells.index.isin(chance.index)], "mse", "work", level).contest()


def _told(cells: pd.DataFrame, found: Contest, doubt: bool) -> str:
    """The winner's family with its signs."""
    row = cells.loc[found.winner]
    if row["reference"] or row["rounding"]:
        return named(row, "family") + ("" if row["reference"] else "°")
    return named(row, "family") + (" †" if doubt else "")


def in_doubt(contests: Mapping[Any, Contest]) -> set[Any]:
    """Which of the contests of a table are not decided beyond doubt, Holm-corrected over all of them."""
    tested = {place: found.p_value for place, found in contests.items() if not math.isnan(found.p_value)}
    adjusted = zip(tested, holm(list(tested.values())), strict=True)
    return {place for place, chance in adjusted if chance >= ERROR_RATE}


def named(row: Mapping[Any, Any], column: str = "estimator") -> str:
    """An estimator's label, with a sign where a claim that it makes was refuted."""
    refuted = row.get("claims_refuted")
    return f"{row[column]}{' ✗' if refuted is not None and refuted > 0 else ''}"


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


def cheapest_reference(references: pd.DataFrame) -> str:
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
