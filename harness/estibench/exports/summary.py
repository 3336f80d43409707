"""The evidence of a run: its tables, on a terminal and as Markdown, and what the answer has no room for."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from estibench.analysis.cells import competes
from estibench.analysis.training import of_training
from estibench.exports.answer import MOST_REFUTED, UNTOLD, answer_lines, grouped
from estibench.exports.budgets import price_tables
from estibench.exports.contests import SummaryTable, at_equal_work, measured
from estibench.exports.findings import findings, miss_in_words, misses
from estibench.exports.questions import questions_table
from estibench.exports.short_names import short_names
from estibench.exports.standings import standings
from estibench.exports.tables import markdown_table, md
from estibench.exports.training import training_table
from estibench.results.run_directory import Results, once

if TYPE_CHECKING:
    from rich.console import Console


NAME_WIDTH = 31  # characters of a problem on one line of a narrow terminal …
WIDE_NAME = 56  # … and of a wide one
OTHER_WIDTHS = (27, 20)  # of a name in another column; the second where the first leaves no room
MOST_LINES = 20


def print_evidence(results: Results, console: Console, everything: bool = False) -> None:
    """Print the tables behind the answer, and every verdict and failure that needs a word.

    Args:
        everything: also who is most accurate at equal work, how estimators rank, and claims that are undecided.
    """
    from rich.text import Text

    names = short_names([str(problem) for problem in results.frame.get("problem", ())])
    for table in summary_tables(results) if everything else price_summary(results):
        console.print(Text(f"\n{table.title}", style="bold"))
        if table.explanation:
            console.print(Text(table.explanation, style="dim"))
        rows = tuple((names.get(first, first), *others) for first, *others in table.rows)
        print_table(replace(table, rows=rows), console)
    for line in notes(results, everything):
        console.print(Text(line))


def print_table(table: SummaryTable, console: Console) -> None:
    """A table of labels, which are never broken within a word: row by row where the terminal is too narrow."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    other = next((width for width in OTHER_WIDTHS if _needs(table, width) <= console.width), None)
    if other is None:
        _print_stacked(table, console)
        return
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(table.header):
        shown.add_column(Text(name), overflow="fold", no_wrap=index == 0)
    width = min(NAME_WIDTH + console.width - _needs(table, other), WIDE_NAME)
    for name, *others in table.rows:
        shown.add_row(Text(_folded(name, width)), *(Text(_folded(text, other)) for text in others))
    console.print(shown)


def summary_markdown(results: Results) -> str:
    """The answer and all its tables as Markdown."""
    lines = [part for head, points in grouped(answer_lines(results)) for part in (md(head), "", *_points(points))]
    for table in summary_tables(results):
        lines += [f"**{md(table.title)}.** {md(table.explanation)}".rstrip(), ""]
        lines += [*markdown_table([*map(md, table.header)], [[*map(md, row)] for row in table.rows], ":--"), ""]
    return "\n".join([*lines, *(f"- {md(line)}" for line in notes(results))]).rstrip() + "\n"


def _points(points: Sequence[str]) -> list[str]:
    return [*(f"- {md(point)}" for point in points), ""] if points else []


def _needs(table: SummaryTable, other: int) -> int:
    """Columns of a terminal that the table takes without breaking a word."""
    lines = [
        table.header,
        *([_folded(row[0], NAME_WIDTH), *(_folded(text, other) for text in row[1:])] for row in table.rows),
    ]
    widths = [max(len(part) for text in column for part in text.split("\n")) for column in zip(*lines, strict=True)]
    return sum(widths) + 3 * len(widths)


def _print_stacked(table: SummaryTable, console: Console) -> None:
    """A table that is too wide, row by row: each column on a line of its own."""
    from rich.padding import Padding
    from rich.text import Text

    names = [name.replace("\n", " ") for name in table.header[1:]]
    width = max(map(len, names))
    for first, *others in table.rows:
        console.print(Text(f"\n{first}"))
        for name, text in zip(names, others, strict=True):
            if text:
                console.print(Padding(Text.assemble((f"{name:{width}}", "dim"), f"  {text}"), (0, 0, 0, 2)))


def _folded(name: str, width: int) -> str:
    """A component's label on lines that leave room for other columns, broken only between parameters."""
    head, bracket, parameters = name.partition("(")
    if len(name) <= width or not bracket:
        return name
    lines = textwrap.wrap(parameters, width - 4, break_long_words=False, break_on_hyphens=False)
    return "\n".join([head + bracket, *(f"  {line}" for line in lines)])


def price_summary(results: Results) -> list[SummaryTable]:
    """What wins by price, problem by problem: the tables behind the answer's sentences."""
    return _tables(results, prices_only=True)


@once
def summary_tables(results: Results) -> list[SummaryTable]:
    """The tables of the summary; those for which the run has nothing are left out."""
    return _tables(results, prices_only=False)


def _tables(results: Results, prices_only: bool) -> list[SummaryTable]:
    if results.frame.empty or not (results.frame["status"] == "ok").any():
        return []
    cells = measured(results.frame[competes(results.frame)])
    tasks = [(str(task), rows) for task, rows in cells.groupby("task", sort=False)]
    level, stated = results.confidence, results.about.get("budgets") or {}
    fits = [training_table(rows, task, level) for task, rows in tasks if of_training(rows)]
    tasks = [(task, rows) for task, rows in tasks if not of_training(rows)]
    tables = [table for task, rows in tasks for table in price_tables(rows, task, stated, level)]
    if not prices_only:
        equal = [at_equal_work(rows, task, level) for task, rows in tasks]
        tables = [*equal, *tables, *(standings(rows, task, stated, 1 - level) for task, rows in tasks)]
    tables = [questions_table(results), *tables, *fits]
    tables = [table for table in tables if table.rows]
    said = [table.explanation for table in tables]
    return [
        replace(table, explanation="") if table.explanation in said[:index] else table
        for index, table in enumerate(tables)
    ]


def notes(results: Results, everything: bool = False) -> list[str]:
    """What the answer leaves out: further refuted claims with their evidence, and cells that are unsupported, with why.

    Args:
        everything: however many refuted claims, and the undecided ones.
    """
    tested = findings(results)
    refuted = [found for found in tested if found.verdict == "refuted"][MOST_REFUTED:]
    shown = refuted if everything else refuted[:MOST_LINES]
    told = [*shown, *(found for found in tested if everything and found.verdict == "undecided")]
    lines = [f"{one.verdict.capitalize()}: {one.where}: “{one.claim}”: {one.evidence}." for one in told]
    if len(refuted) > len(shown):
        lines.append(f"Refuted: {len(refuted) - len(shown)} more, which the report lists.")
    return lines + [miss_in_words(miss) for miss in misses(results) if miss.status in UNTOLD]
