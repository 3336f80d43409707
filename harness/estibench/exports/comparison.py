"""The suite's comparisons laid out as plain data: what stands in which row and column, and what is best.

Markdown, LaTeX and the report's HTML render the same layout.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from estibench.analysis.cells import at_rounding, competes, is_reference, is_refuted
from estibench.columns import ERRORS, HIGHER_IS_BETTER, MEASURED, WITH_INTERVAL, is_lower_better, label
from estibench.results.expected import as_expected

if TYPE_CHECKING:
    import pandas as pd

    from estibench.results.run_directory import Results

DEFAULTS = ({"name": "error", "value": "relative_rmse"}, {"name": "time", "value": "time"})

ROWS_OF_A_WIDE_TABLE = 7

BEST = "Bold: best of its {rows}; its interval overlaps no other."
REFUTED = "✗ beside a best entry: a claim of that estimator was refuted there."
TIE = "†: best of its {rows} together with the others marked so, whose intervals overlap its own."
REFERENCE = "Italic: deterministic reference, out of competition."
FLOOR = "Italic: a floor, which asks nothing of the problem, out of competition."
UNSUPPORTED = "–: the estimator does not apply; the report says why."
UNDEFINED = "n/a: not measured, or not defined: nothing is relative to a truth of 0."

Mark = Literal["", "best", "tie", "reference", "floor"]


@dataclass(frozen=True)
class Entry:
    """One entry of a comparison: an estimate with its interval and n, or `text` instead.

    Bounds are NaN for what has none, being counted, and infinite where nothing is known of how far the estimate is off.

    `rounding` entries are errors of no more than rounding: they tie, whatever their intervals say. `refuted` ones are
    of cells of which a claim was refuted: this is said where they are best.
    """

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    text: str = ""
    mark: Mark = ""
    rounding: bool = False
    draws: int = 0
    refuted: bool = False

    @property
    def sign(self) -> str:
        """✗ beside a best entry of which a claim was refuted."""
        return " ✗" if self.refuted and self.mark in ("best", "tie") else ""

    def details(self, confidence: float) -> str:
        """The bounds and n in words: `95 % interval [0.1, 0.2], 512 draws`; empty where there are none."""
        bounds = math.isfinite(self.low) and math.isfinite(self.high)
        found = [f"{100 * confidence:g} % interval [{self.low:.4g}, {self.high:.4g}]"] if bounds else []
        return ", ".join([*found, *([f"{self.draws} draws"] if self.draws and math.isfinite(self.value) else [])])


@dataclass(frozen=True)
class Part:
    """A piece of a comparison that fits on a page: entries by row and column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Entry, ...]], ...]


@dataclass(frozen=True)
class Section:
    """The comparison on one device with one dtype. `groups` says which columns belong together."""

    heading: str
    corner: str
    grid: Part
    groups: tuple[str, ...]

    def parts(self, at_most: int) -> Iterator[Part]:
        """The grid cut into parts of so many columns; columns of a group stay together where they can."""
        wanted: list[list[int]] = [[]]
        for group in dict.fromkeys(self.groups):
            members = [index for index, found in enumerate(self.groups) if found == group]
            room = at_most - len(wanted[-1])
            if room < len(members) <= at_most:
                room = 0
            wanted[-1] += members[:room]
            wanted += [members[start : start + at_most] for start in range(room, len(members), at_most)]
        for indices in wanted:
            rows = tuple((name, tuple(entries[index] for index in indices)) for name, entries in self.grid.rows)
            yield Part(tuple(self.grid.columns[index] for index in indices), rows)


@dataclass(frozen=True)
class Comparison:
    """One table of the suite, laid out: `caption` says what its numbers are, `notes` explain its marks."""

    name: str
    title: str
    caption: str
    sections: tuple[Section, ...]
    notes: tuple[str, ...]


def comparisons(results: Results) -> list[Comparison]:
    """Lay out the tables that the suite asks for, or the default ones."""
    return [
        comparison_of(results.frame, entry, results.confidence) for entry in results.about.get("tables") or DEFAULTS
    ]


def blocks(frame: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Device, dtype and rows of each part of the table that may be compared."""
    if frame.empty:
        return
    for (device, dtype), rows in frame.groupby(["device", "dtype"], sort=False):
        yield str(device), str(dtype), rows


def comparison_of(frame: pd.DataFrame, wanted: dict[str, Any], confidence: float) -> Comparison:
    """Lay out one table: `value` over `rows` and `columns`, as an entry of a suite's `tables` names them."""
    value, rows, columns = wanted["value"], wanted.get("rows") or "problem", wanted.get("columns") or "estimator"
    meaning = {**MEASURED, **WITH_INTERVAL}.get(value, label(value))
    caption = f"{meaning[0].upper()}{meaning[1:]}."
    if value in WITH_INTERVAL or f"{value}_low" in frame:
        caption += (
            f" ± is the half-width of the {100 * confidence:g} % confidence interval; a lopsided one is in brackets."
        )
    found = list(blocks(frame))
    sections = tuple(
        _section(cells, value, rows, columns, f"{device}, {dtype}" if len(found) > 1 else "")
        for device, dtype, cells in found
        if {rows, columns} <= {*cells.columns}
    )
    entries = [entry for section in sections for _, row in section.grid.rows for entry in row]
    marks, texts = {entry.mark for entry in entries}, {entry.text for entry in entries}
    notes = [(BEST, "best" in marks), (TIE, "tie" in marks), (REFERENCE, "reference" in marks)]
    notes += [(FLOOR, "floor" in marks)]
    notes += [(REFUTED, any(entry.sign for entry in entries))]
    notes += [(UNSUPPORTED, "–" in texts), (UNDEFINED, "n/a" in texts)]
    competing = columns if _is_of_estimators(rows) and not _is_of_estimators(columns) else rows
    used = tuple(note.format(rows=label(competing)) for note, is_used in notes if is_used)
    return Comparison(wanted["name"], wanted.get("title") or label(value), caption, sections, used)


def _section(frame: pd.DataFrame, value: str, rows: str, columns: str, heading: str) -> Section:
    row_keys, column_keys = _keys(frame, rows), _keys(frame, columns)
    names = {
        rows,
        columns,
        "estimator",
        "family",
        "status",
        "expected",
        "draws",
        value,
        f"{value}_low",
        f"{value}_high",
    }
    known = frame[[name for name in frame.columns if name in names]]
    kinds = {"reference": is_reference(frame), "rounding": at_rounding(frame), "refuted": is_refuted(frame)}
    kinds["floor"] = ~competes(frame)
    records = known.assign(**kinds).to_dict("records")
    cells: dict[tuple[Any, Any], list[dict[Any, Any]]] = {}
    for record in records:
        cells.setdefault((record[rows], record[columns]), []).append(record)
    lines = [[_entry(cells.get((row, column), []), value) for column in column_keys] for row in row_keys]
    marked = _marked(lines, value, rows, columns)
    families = {record["estimator"]: record["family"] for record in records} if columns == "estimator" else {}
    groups = tuple(str(families.get(key, key)) for key in column_keys)
    grid = Part(tuple(map(_text, column_keys)), tuple(zip(map(_text, row_keys), marked, strict=True)))
    if len(column_keys) > ROWS_OF_A_WIDE_TABLE >= len(row_keys):
        turned = tuple((name, tuple(line[at] for line in marked)) for at, name in enumerate(grid.columns))
        names_across = tuple(name for name, _ in grid.rows)
        return Section(heading, label(columns), Part(names_across, turned), names_across)
    return Section(heading, label(rows), grid, groups)


def _marked(lines: Sequence[Sequence[Entry]], value: str, rows: str, columns: str) -> tuple[tuple[Entry, ...], ...]:
    """The entries with the best ones marked: estimators compete on a problem, and problems do not compete."""
    if _is_of_estimators(columns):
        return tuple(tuple(mark_best(line, value)) for line in lines)
    if _is_of_estimators(rows) and lines:
        across = [mark_best(column, value) for column in zip(*lines, strict=True)]
        return tuple(zip(*across, strict=True))
    return tuple(map(tuple, lines))


def _is_of_estimators(column: str) -> bool:
    return column == "family" or column.startswith("estimator")


def _keys(frame: pd.DataFrame, column: str) -> list[Any]:
    """What stands along an axis: numbers in order, labels as they come."""
    import pandas as pd

    values = frame[column].dropna().unique().tolist()
    return sorted(values) if pd.api.types.is_numeric_dtype(frame[column]) else values


def _text(key: Any) -> str:
    return f"{key:g}" if isinstance(key, float) else str(key)


def _entry(cells: Sequence[dict[Any, Any]], value: str) -> Entry:
    """What a comparison shows for the cells at one place; there is one, unless the axes do not tell cells apart."""
    import pandas as pd

    if not cells:
        return Entry()
    ok = [cell for cell in cells if cell["status"] == "ok"]
    if not ok:
        status = str(cells[0]["status"])
        words = status.replace("_", " ")
        if as_expected(cells[0]):
            return Entry(text=f"{words}, as expected")
        return Entry(text="–" if status in ("unsupported", "skipped") else f"✗ {words}")
    found = [cell for cell in ok if value in cell and not pd.isna(cell[value])]
    if not found:
        return Entry(text="n/a")
    values = [cell[value] for cell in found]
    if any(isinstance(item, (bool, str)) or not isinstance(item, (int, float)) for item in values):
        return Entry(text=", ".join(dict.fromkeys(map(str, values))))
    if len(found) > 1:
        return Entry(text=f"{min(values):.3g} … {max(values):.3g} ({len(found)} cells)")
    cell = found[0]
    bounded = f"{value}_low" in cell  # where bounds are empty nothing is known, and the entry overlaps with all others
    low, high = (
        _or(cell.get(f"{value}_{side}"), nothing if bounded else math.nan)
        for side, nothing in (("low", -math.inf), ("high", math.inf))
    )
    error = value in ERRORS
    mark: Mark = "floor" if cell["floor"] else "reference" if error and cell["reference"] else ""
    draws = int(_or(cell.get("draws"), 0.0))
    rounding, refuted = error and bool(cell["rounding"]), bool(cell["refuted"])
    return Entry(float(cell[value]), low, high, "", mark, rounding, draws, refuted)


def mark_best(entries: Sequence[Entry], column: str) -> list[Entry]:
    """Mark the best entry, or it and all whose intervals overlap its own as ties. One alone is not the best."""
    lower = is_lower_better(column)
    if not lower and column not in HIGHER_IS_BETTER:
        return list(entries)
    competing = [at for at, entry in enumerate(entries) if math.isfinite(entry.value) and not entry.mark]
    if len(competing) < 2:
        return list(entries)
    best = min(competing, key=lambda at: entries[at].value if lower else -entries[at].value)
    tied = [at for at in competing if _overlap(entries[at], entries[best], column in WITH_INTERVAL)]
    mark: Mark = "best" if tied == [best] else "tie"
    return [replace(entry, mark=mark) if at in tied else entry for at, entry in enumerate(entries)]


def _overlap(one: Entry, other: Entry, measured: bool) -> bool:
    """Whether two intervals overlap; a bound that is absent excludes nothing where the quantity has bounds."""
    if one.rounding and other.rounding:
        return True
    ends = [(-math.inf, math.inf) if measured else (e.value, e.value) for e in (one, other)]
    bounds = [(_or(e.low, a), _or(e.high, b)) for e, (a, b) in zip((one, other), ends, strict=True)]
    low, high = zip(*bounds, strict=True)
    return bool(low[0] <= high[1] and low[1] <= high[0])


def _or(number: float | None, otherwise: float) -> float:
    return otherwise if number is None or math.isnan(number) else float(number)
