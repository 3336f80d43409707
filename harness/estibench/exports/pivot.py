"""Any table of a run, on demand: one quantity over rows × columns, as Markdown, LaTeX, HTML or CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from estibench.columns import NESTED
from estibench.errors import UserError, did_you_mean
from estibench.exports.comparison import Comparison, Entry, comparison_of
from estibench.exports.pages import PLAIN, render_page
from estibench.exports.tables import to_latex, to_markdown

if TYPE_CHECKING:
    import pandas as pd

    from estibench.results.run_directory import Results

HTML_COLUMNS = 8


def pivot(
    results: Results, value: str, rows: str, columns: str, where: Mapping[str, str] | None = None, title: str = ""
) -> Comparison:
    """One quantity over rows × columns, laid out with its intervals, best entries and ties.

    Args:
        where: which cells: values that columns must have, as texts.

    Raises:
        UserError: the table has no such column, or no cell has those values.
    """
    for name in (value, rows, columns, *(where or {})):
        _check(name, results.frame)
    if rows == columns:
        raise UserError(f"rows and columns are both {rows!r}: what stands along one cannot stand along the other")
    frame = _chosen(results.frame, where or {})
    wanted = {"name": value, "value": value, "rows": rows, "columns": columns, "title": title}
    return comparison_of(frame, wanted, results.confidence)


def to_html(comparison: Comparison, confidence: float) -> str:
    """The comparison as a page of its own, without scripts."""
    return render_page("table.html.j2", PLAIN, comparison=comparison, level=confidence, columns=HTML_COLUMNS)


def to_csv(comparison: Comparison) -> str:
    """The comparison with a line for each entry: value, bounds, n and mark; full precision."""
    found = io.StringIO()
    writer = csv.writer(found, lineterminator="\n")
    writer.writerow(["where", "row", "column", comparison.name, "low", "high", "draws", "mark", "text"])
    for section in comparison.sections:
        for name, entries in section.grid.rows:
            for column, entry in zip(section.grid.columns, entries, strict=True):
                writer.writerow([section.heading, name, column, *_numbers(entry), entry.mark, entry.text])
    return found.getvalue()


def _numbers(entry: Entry) -> list[str]:
    numbers = (repr(number) if math.isfinite(number) else "" for number in (entry.value, entry.low, entry.high))
    return [*numbers, str(entry.draws) if entry.draws else ""]


FORMATS: dict[str, Callable[[Comparison, float], str]] = {
    "md": lambda comparison, confidence: to_markdown(comparison),
    "tex": lambda comparison, confidence: to_latex(comparison),
    "html": to_html,
    "csv": lambda comparison, confidence: to_csv(comparison),
}


def _check(name: str, frame: pd.DataFrame) -> None:
    known = {str(column) for column in frame} - NESTED
    if name not in known:
        raise UserError(f"the table has no column {name!r}{did_you_mean(name, known)}")


def _chosen(frame: pd.DataFrame, where: Mapping[str, str]) -> pd.DataFrame:
    """The rows whose columns have those values. A number is compared as a number."""
    for name, text in where.items():
        values = [_text(value) for value in frame[name]]
        matching = frame[[value == _text(text) for value in values]]
        if matching.empty:
            known = sorted({value for value in values if value})
            raise UserError(f"no cell has {name} = {text!r}{did_you_mean(text, known[:50])}")
        frame = matching
    return frame


def _text(value: object) -> str:
    """`8`, `8.0` and `"8"` are the same; what is missing is empty."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    try:
        return f"{float(str(value)):g}"
    except ValueError:
        return str(value)
