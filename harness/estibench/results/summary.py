"""What a run says, in a few tables and sentences: on the terminal, as Markdown for a README, and in the report.

The tables are made once, as plain text, and rendered in three ways.
"""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from estibench.columns import label
from estibench.results.comparison import at_rounding, is_reference
from estibench.results.tables import markdown_table, md

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from estibench.results.run_directory import Results

SAME_WORK = 1.5  # budgets within this factor count as the same
MOST_CLASSES = 5
NAME_WIDTH = 31  # characters of a problem on one line of a terminal of 80 to 109 columns …
WIDE_NAME = 56  # … and of a wider one
MOST_LINES = 20
CONTESTED = ("mse", "mse_low", "mse_high", "work", "time", "mse_work", "mse_time")
VERDICTS = ("supported", "refuted", "undecided")
EFFICIENCIES = {"mse_work": "MSE × work", "mse_time": "MSE × time"}

AT_EQUAL_WORK = (
    "The kind of estimator with the lowest error among those whose work is the same within a factor of 1.5. "
    "†: the runner-up's confidence interval overlaps. Deterministic references do not compete."
)
EFFICIENT = (
    "The estimator with the least MSE × work by counted cost, and MSE × time by the clock: half the MSE for twice the "
    "cost is as good. °: no more than rounding is left. The last column is what certainty costs instead."
)
RANKED = (
    "Mean rank by MSE × work and by MSE × time among the stochastic estimators of a block (1 is best), over the blocks "
    "where an estimator applies: ranks over different blocks do not compare. Verdicts on its claims: "
    "supported / refuted / undecided."
)


@dataclass(frozen=True)
class SummaryTable:
    """A table in plain text; `explanation` says in words what it shows."""

    title: str
    explanation: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Finding:
    """A claim that was tested.

    Attributes:
        where: block and estimator.
        evidence: what was measured against what was claimed.
    """

    verdict: str
    where: str
    claim: str
    evidence: str


def print_summary(results: Results, console: Console) -> None:
    """Print the summary for a terminal of 100 columns or more."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console.print(Text(headline(results)))
    for table in summary_tables(results):
        console.print(Text(f"\n{table.title}", style="bold"))
        if table.explanation:
            console.print(Text(table.explanation, style="dim"))
        shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for index, name in enumerate(table.header):
            shown.add_column(Text(name), overflow="fold", no_wrap=index == 0)
        for name, *others in table.rows:
            shown.add_row(Text(_folded(name, WIDE_NAME if console.width >= 110 else NAME_WIDTH)), *map(Text, others))
        console.print(shown)
    for line in notes(results):
        console.print(Text(line))


def summary_markdown(results: Results) -> str:
    """The same as Markdown."""
    lines = [md(headline(results)), ""]
    for table in summary_tables(results):
        lines += [f"**{md(table.title)}.** {md(table.explanation)}".rstrip(), ""]
        lines += [*markdown_table([*map(md, table.header)], [[*map(md, row)] for row in table.rows], ":--"), ""]
    return "\n".join([*lines, *(f"- {md(line)}" for line in notes(results))]).rstrip() + "\n"


def _folded(name: str, width: int) -> str:
    """A component's label on lines that leave room for other columns, broken only between parameters."""
    head, bracket, parameters = name.partition("(")
    if len(name) <= width or not bracket:
        return name
    lines = textwrap.wrap(parameters, width - 4, break_long_words=False, break_on_hyphens=False)
    return "\n".join([head + bracket, *(f"  {line}" for line in lines)])


def headline(results: Results) -> str:
    """One sentence or two: how much was measured, and how the claims fared."""
    frame = results.frame
    if frame.empty:
        return "The run has no cells."
    states = Counter(map(str, frame["status"]))
    ok = states.pop("ok", 0)
    others = "".join(f", {number} {status.replace('_', ' ')}" for status, number in sorted(states.items()))
    verdicts = Counter(finding.verdict for finding in findings(results))
    claims = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in VERDICTS)
    return (
        f"{frame['problem'].nunique()} problems × {frame['estimator'].nunique()} estimators: "
        f"{ok} of {len(frame)} cells measured{others}. Claims tested: {claims}."
    )


def summary_tables(results: Results) -> list[SummaryTable]:
    """The tables of the summary; those for which the run has nothing are left out."""
    if results.frame.empty or not (results.frame["status"] == "ok").any():
        return []
    cells = _measured(results.frame)
    tables = [_at_equal_work(rows, str(task)) for task, rows in cells.groupby("task", sort=False)]
    tables = [table for table in [*tables, _most_efficient(cells), _ranking(cells)] if table.rows]
    said = [table.explanation for table in tables]
    return [
        replace(table, explanation="") if table.explanation in said[:index] else table
        for index, table in enumerate(tables)
    ]


def findings(results: Results) -> list[Finding]:
    """Every tested claim of the run with its verdict."""
    frame = results.frame
    if "claims" not in frame:
        return []
    several = _several_places(frame)
    return [
        Finding(
            str(claim["verdict"]),
            f"{row['estimator']} on {_block(row, several)}",
            str(claim["claim"]),
            _evidence(claim),
        )
        for row in frame.to_dict("records")
        for claim in (row["claims"] if isinstance(row["claims"], list) else [])
    ]


def misses(results: Results) -> list[tuple[str, str, int, str]]:
    """Cells without a result, by status and reason: status, reason, how many, and whose."""
    if results.frame.empty:
        return []
    missing = results.frame[results.frame["status"] != "ok"]
    found = []
    for (status, reason), rows in missing.groupby(["status", "reason"], sort=False, dropna=False):
        names = list(dict.fromkeys(map(str, rows["estimator_name"])))
        whose = f"{', '.join(names)} on {_count(rows['problem'].nunique(), 'problem')}"
        found.append((str(status).replace("_", " "), str(reason), len(rows), whose))
    return sorted(found, key=lambda miss: (miss[0] == "unsupported", -miss[2]))


def notes(results: Results) -> list[str]:
    """Refuted claims with their evidence, then failures and unsupported cells with their reasons."""
    refuted = [found for found in findings(results) if found.verdict == "refuted"]
    lines = [f"Refuted: {found.where}: “{found.claim}”: {found.evidence}." for found in refuted[:MOST_LINES]]
    if len(refuted) > MOST_LINES:
        lines.append(f"Refuted: {len(refuted) - MOST_LINES} more, which the report lists.")
    return lines + [
        f"{status.capitalize()}: {_count(number, 'cell')} ({whose}): {reason}"
        for status, reason, number, whose in misses(results)
    ]


def _measured(frame: pd.DataFrame) -> pd.DataFrame:
    """Ok cells with their block in words, and what the contests must know of them."""
    import pandas as pd

    several = _several_places(frame)
    numbers = {name: pd.to_numeric(frame[name]) for name in CONTESTED if name in frame}
    marked = frame.assign(reference=is_reference(frame), rounding=at_rounding(frame), **numbers)
    ok = marked[frame["status"] == "ok"]
    return ok.assign(block=[_block(row, several) for row in ok[["problem", "device", "dtype"]].to_dict("records")])


def _at_equal_work(cells: pd.DataFrame, task: str) -> SummaryTable:
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
    heads = [f"work {_short(works[0])}" + (f"–{_short(works[-1])}" if len(works) > 1 else "") for works in classes]
    title = f"Most accurate at equal work ({task}, work in {_unit(cells)})"
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
    bound = best.get("mse_high", math.nan)
    bound = best["mse"] if math.isnan(bound) else bound
    lows = others["mse_low"].fillna(others["mse"]) if "mse_low" in others else others["mse"]
    tied = bool((lows <= bound).any()) or (bool(best["rounding"]) and bool(others["rounding"].any()))
    return f"{best['family']} †" if tied else str(best["family"])


def _most_efficient(cells: pd.DataFrame) -> SummaryTable:
    """The best estimator of each block by each work-normalised error, and what the exact answer costs."""
    columns = [column for column in EFFICIENCIES if column in cells]
    rows = []
    for block, some in cells.groupby("block", sort=False):
        best = [_most_efficient_by(some[~some["reference"]], column) for column in columns]
        if any(best):
            rows.append((str(block), *best, _price(some[some["reference"]])))
    header = ("problem", *(f"lowest {EFFICIENCIES[column]}" for column in columns), f"exact:\n{_unit(cells)}, time")
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
    texts = [_short(cheapest["work"])] if "work" in columns else []
    return ", ".join([*texts, *([seconds(cheapest["time"])] if "time" in columns else [])])


def seconds(time: float) -> str:
    """A time for people: `31.5 ms`."""
    units = {"s": 1.0, "ms": 1e-3, "µs": 1e-6}
    unit = next((name for name, size in units.items() if time >= size), "µs")
    return f"{time / units[unit]:.3g} {unit}"


def _ranking(cells: pd.DataFrame) -> SummaryTable:
    """Estimators by mean rank over the blocks, with their claims."""
    columns = [column for column in EFFICIENCIES if column in cells]
    contest = cells[~cells["reference"]]
    ranks = {}
    for column in columns:
        values = contest[column].where(~contest["rounding"], 0.0).where(contest[column].notna())
        ranks[column] = values.groupby(contest["block"]).rank().groupby(contest["estimator"]).mean()
    counted = [f"claims_{verdict}" for verdict in VERDICTS if f"claims_{verdict}" in cells]
    rows = []
    for estimator, some in cells.groupby("estimator", sort=False):
        means = [float(ranks[column].get(estimator, math.nan)) for column in columns]
        shown = ["–" if math.isnan(mean) else f"{mean:.1f}" for mean in means]
        claims = [" / ".join(f"{some[column].sum():.0f}" for column in counted)] if counted else []
        rows.append((means, (str(estimator), *shown, str(some["block"].nunique()), *claims)))
    rows.sort(key=lambda row: math.inf if not row[0] or math.isnan(row[0][-1]) else row[0][-1])
    header = ("estimator", *map(EFFICIENCIES.__getitem__, columns), "blocks", *(["claims"] if counted else []))
    return SummaryTable("Estimators over all problems", RANKED, header, tuple(row for _, row in rows))


def _evidence(claim: dict[str, Any]) -> str:
    measured = _short(claim.get("measured"))
    low, high = claim.get("low"), claim.get("high")
    if low is not None and low != high:
        measured += f" [{_short(low)}, {_short(high)}]"
    p_value = claim.get("p_adjusted")
    chance = "" if p_value is None or p_value in (0, 1) else f" (adjusted p = {_short(p_value)})"
    return f"measured {measured}, claimed {_short(claim.get('claimed'))}{chance}"


def _several_places(frame: pd.DataFrame) -> bool:
    """Whether the run has more than one device or dtype."""
    return len(frame[["device", "dtype"]].drop_duplicates()) > 1


def _block(row: Any, several: bool) -> str:
    return f"{row['problem']} [{row['device']}, {row['dtype']}]" if several else str(row["problem"])


def _unit(cells: pd.DataFrame) -> str:
    """What work counts, where the cells agree."""
    if "work" not in cells or cells.empty:
        return "units of work"
    costs = (str(name) for name in cells.columns if str(name).startswith("cost_"))
    return next((label(name) for name in costs if cells[name].equals(cells["work"])), "units of work")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _short(number: float | None) -> str:
    if number is None or math.isnan(number):
        return "?"
    return f"{number:.0f}" if number == round(number) and abs(number) < 1e6 else f"{number:.3g}"


def counts(findings: Sequence[Finding]) -> dict[str, int]:
    """How many claims got each verdict."""
    return {verdict: sum(found.verdict == verdict for found in findings) for verdict in VERDICTS}
