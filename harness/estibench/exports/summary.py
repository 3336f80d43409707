"""What a run says, in a few tables and sentences: on the terminal, as Markdown for a README, and in the report.

The tables are made once, as plain text, and rendered in three ways.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from estibench.analysis.noise import noise_warning
from estibench.exports.contests import (
    SummaryTable,
    at_equal_work,
    block_label,
    measured,
    most_efficient,
    several_places,
    short,
)
from estibench.exports.standings import VERDICTS, standings
from estibench.exports.tables import markdown_table, md

if TYPE_CHECKING:
    from rich.console import Console

    from estibench.results.run_directory import Results

NAME_WIDTH = 31  # characters of a problem on one line of a terminal of 80 to 109 columns …
WIDE_NAME = 56  # … and of a wider one
MOST_LINES = 20


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
    cells = measured(results.frame)
    tasks = [(str(task), rows) for task, rows in cells.groupby("task", sort=False)]
    tables = [at_equal_work(rows, task) for task, rows in tasks]
    tables += [most_efficient(cells), *(standings(rows, task, 1 - results.confidence) for task, rows in tasks)]
    tables = [table for table in tables if table.rows]
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
    several = several_places(frame)
    return [
        Finding(
            str(claim["verdict"]),
            f"{row['estimator']} on {block_label(row, several)}",
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
    """Refuted claims with their evidence, failures and unsupported cells with their reasons, the machine's noise."""
    refuted = [found for found in findings(results) if found.verdict == "refuted"]
    lines = [f"Refuted: {found.where}: “{found.claim}”: {found.evidence}." for found in refuted[:MOST_LINES]]
    if len(refuted) > MOST_LINES:
        lines.append(f"Refuted: {len(refuted) - MOST_LINES} more, which the report lists.")
    lines += [
        f"{status.capitalize()}: {_count(number, 'cell')} ({whose}): {reason}"
        for status, reason, number, whose in misses(results)
    ]
    warning = noise_warning(results.frame)
    return [*lines, f"{warning[0].upper()}{warning[1:]}."] if warning else lines


def _evidence(claim: dict[str, Any]) -> str:
    measured = short(claim.get("measured"))
    low, high = claim.get("low"), claim.get("high")
    if low is not None and low < high:
        measured += f" [{short(low)}, {short(high)}]"
    p_value = claim.get("p_adjusted")
    if claim["verdict"] == "undecided" and claim.get("reason"):
        chance = f": {claim['reason']}"
    elif p_value is None or p_value in (0, 1):
        chance = ""
    elif claim["verdict"] == "undecided":
        chance = f" (power {100 * claim['power']:.0f} % against {claim['effect']})"
    else:
        chance = f" (adjusted p = {short(p_value)})"
    return f"measured {measured}, claimed {short(claim.get('claimed'))}{chance}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def counts(findings: Sequence[Finding]) -> dict[str, int]:
    """How many claims got each verdict."""
    return {verdict: sum(found.verdict == verdict for found in findings) for verdict in VERDICTS}
