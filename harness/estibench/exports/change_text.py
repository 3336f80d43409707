"""The comparison of two runs told: on the terminal, as Markdown and as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING

from estibench.analysis.changes import CELL, CHANGES, REGRESSIONS, VERDICTS, Change, counts
from estibench.columns import label
from estibench.exports.run_changes import RunComparison
from estibench.exports.tables import markdown_table, md

if TYPE_CHECKING:
    from rich.console import Console

HEADER = ("verdict", "problem", "estimator", "quantity", "change", "before → after")
SHOWN = {"peak_bytes": "peak bytes", "mse": "MSE", "time": "time", "time_ratio": "time / baseline's"}


def in_words(change: Change) -> str:
    """How large a change is, or why a cell has none: `× 1.42 [1.30, 1.55]`."""
    if math.isnan(change.ratio):
        return change.note
    sign = "+ " if change.quantity == "bias" else "× "
    body = f"{sign}{change.ratio:.3g}"
    if change.low != change.high and math.isfinite(change.low) and math.isfinite(change.high):
        body += f" [{change.low:.3g}, {change.high:.3g}]"
    return f"{body} {change.note}".rstrip()


def line(change: Change, several: bool) -> tuple[str, ...]:
    """A change as a row of the table under `HEADER`; `several` shows device and dtype."""
    _, problem, estimator, device, dtype = change.cell
    where = f"{problem} [{device}, {dtype}]" if several else problem
    quantity = SHOWN.get(change.quantity, label(change.quantity))
    values = "" if math.isnan(change.before) else f"{change.before:.4g} → {change.after:.4g}"
    return change.verdict, where, estimator, quantity, in_words(change), values


def shown(found: RunComparison, everything: bool) -> list[tuple[str, ...]]:
    """The rows of the table: what has changed, or everything."""
    several = len({change.cell[3:] for change in found.changes}) > 1
    return [line(change, several) for change in found.changes if everything or change.verdict in CHANGES]


def summary(found: RunComparison) -> list[tuple[str, ...]]:
    """How many changes of each quantity got each verdict, with a header."""
    table = counts(list(found.changes))
    verdicts = [verdict for verdict in VERDICTS if any(one[verdict] for one in table.values())]
    body = [
        (SHOWN.get(name, label(name)), *(str(one[verdict] or "") for verdict in verdicts))
        for name, one in table.items()
    ]
    return [("quantity", *verdicts), *body]


def conclusion(found: RunComparison) -> str:
    """The comparison in one sentence."""
    number = {verdict: sum(change.verdict == verdict for change in found.changes) for verdict in CHANGES}
    told = [f"{number[verdict]} {verdict}" for verdict in CHANGES if number[verdict]]
    return f"Changes: {', '.join(told)}." if told else "No change was found."


def to_markdown(found: RunComparison, everything: bool) -> str:
    """The comparison as Markdown."""
    rows, (head, *body) = shown(found, everything), summary(found)
    lines = [f"## {md(found.before)} → {md(found.after)}", "", conclusion(found), ""]
    if rows:
        lines += [*markdown_table(HEADER, [[*map(md, row)] for row in rows], ":--"), ""]
    lines += [*markdown_table(head, [[*map(md, row)] for row in body]), "", *(f"- {md(note)}" for note in found.notes)]
    return "\n".join(lines) + "\n"


def to_json(found: RunComparison) -> str:
    """The comparison as JSON: every quantity of every cell; what is not known or not finite is null."""
    entries = [
        {**dict(zip(CELL, change.cell, strict=True)), **{k: v for k, v in asdict(change).items() if k != "cell"}}
        for change in found.changes
    ]
    plain = [
        {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in one.items()}
        for one in entries
    ]
    whole = {"before": found.before, "after": found.after, "notes": found.notes, "changes": plain}
    return json.dumps(whole, indent=1, ensure_ascii=False)


def print_comparison(found: RunComparison, everything: bool, console: Console) -> None:
    """The comparison for a terminal."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    colours = dict.fromkeys(REGRESSIONS, "red") | {"better": "green", "works again": "green"}
    for rows, header in ((shown(found, everything), HEADER), (summary(found)[1:], summary(found)[0])):
        if not rows:
            continue
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in header:
            table.add_column(Text(name), overflow="fold")
        for first, *others in rows:
            table.add_row(Text(first, style=colours.get(first, "")), *map(Text, others))
        console.print(table)
    for note in found.notes:
        console.print(Text(note, style="dim"))
    console.print(Text(conclusion(found), style="bold"))
