"""The suite's comparisons as Markdown and LaTeX: `tables/<name>.md`, `tables/<name>.tex`, `tables/scaling.{md,csv}`.

A comparison is laid out once, as plain data, and then rendered: here, and as HTML by the report.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from estibench.columns import MEASURED, WITH_INTERVAL, label
from estibench.results.scaling import scaling_table

if TYPE_CHECKING:
    import pandas as pd

    from estibench.results.run_directory import Results

DEFAULTS = ({"name": "error", "value": "relative_rmse"}, {"name": "time", "value": "time"})
EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}

NOT_COMPARED = {"coverage", "mean_error"}
HIGHER_IS_BETTER = {"cosine"}
LOWER_IS_BETTER = {*WITH_INTERVAL} - NOT_COMPARED - HIGHER_IS_BETTER | {
    *("component_rmse_max", "component_bias_max", "flops", "peak_bytes", "time_first", "time_cpu", "work")
}
ERRORS = LOWER_IS_BETTER & {*WITH_INTERVAL} - {"time", "time_ratio"} | {"component_rmse_max", "component_bias_max"}

MARKDOWN_COLUMNS, LATEX_COLUMNS = 7, 4
BEST = "Bold: best of its {rows}; its interval overlaps no other."
TIE = "†: best of its {rows} together with the others marked so, whose intervals overlap its own."
REFERENCE = "Italic: deterministic reference, out of competition."
UNSUPPORTED = "–: the estimator does not apply; the report says why."
UNDEFINED = "n/a: not measured, or not defined: nothing is relative to a truth of 0."

Mark = Literal["", "best", "tie", "reference"]


@dataclass(frozen=True)
class Entry:
    """One entry of a comparison: an estimate with its interval (NaN where there is none), or `text` instead.

    `rounding` entries are errors of no more than rounding: they tie, whatever their intervals say.
    """

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    text: str = ""
    mark: Mark = ""
    rounding: bool = False


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


def export(results: Results) -> list[Path]:
    """Writes the suite's tables (error and time where it asks for none) and its scaling exponents."""
    folder = results.directory / "tables"
    folder.mkdir(exist_ok=True)
    texts = {}
    for comparison in comparisons(results):
        texts[f"{comparison.name}.md"] = to_markdown(comparison)
        texts[f"{comparison.name}.tex"] = to_latex(comparison)
    exponents = scaling_table(results)
    if len(exponents):
        texts["scaling.md"] = _scaling_markdown(exponents)
        texts["scaling.csv"] = exponents.to_csv(index=False)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def comparisons(results: Results) -> list[Comparison]:
    """Lay out the tables that the suite asks for, or the default ones."""
    confidence = float(results.about.get("settings", {}).get("confidence", 0.95))
    return [_comparison(results.frame, entry, confidence) for entry in results.about.get("tables") or DEFAULTS]


def blocks(frame: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Device, dtype and rows of each part of the table that may be compared."""
    if frame.empty:
        return
    for (device, dtype), rows in frame.groupby(["device", "dtype"], sort=False):
        yield str(device), str(dtype), rows


def is_reference(frame: pd.DataFrame) -> pd.Series[bool]:
    """Which cells are deterministic: they measure what the answer costs, and win any contest of errors."""
    return _stopped(frame) == "deterministic"


def at_rounding(frame: pd.DataFrame) -> pd.Series[bool]:
    """Which cells err by no more than rounding: among them, smaller errors mean nothing."""
    import pandas as pd

    found = _stopped(frame) == "rounding"
    if {"rmse", "magnitude", "dtype"} <= {*frame.columns}:
        tolerance = 32 * frame["dtype"].map(EPSILON).astype(float) * pd.to_numeric(frame["magnitude"])  # as claims do
        found |= pd.to_numeric(frame["rmse"]) <= tolerance
    return found


def _stopped(frame: pd.DataFrame) -> pd.Series[Any]:
    import pandas as pd

    return frame["stopped"] if "stopped" in frame else pd.Series(None, index=frame.index, dtype=object)


def _comparison(frame: pd.DataFrame, wanted: dict[str, Any], confidence: float) -> Comparison:
    value, rows, columns = wanted["value"], wanted.get("rows") or "problem", wanted.get("columns") or "estimator"
    meaning = {**MEASURED, **WITH_INTERVAL}.get(value, label(value))
    caption = f"{meaning[0].upper()}{meaning[1:]}."
    if value in WITH_INTERVAL:
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
    notes += [(UNSUPPORTED, "–" in texts), (UNDEFINED, "n/a" in texts)]
    used = tuple(note.format(rows=label(rows)) for note, is_used in notes if is_used)
    return Comparison(wanted["name"], wanted.get("title") or label(value), caption, sections, used)


def _section(frame: pd.DataFrame, value: str, rows: str, columns: str, heading: str) -> Section:
    row_keys, column_keys = _keys(frame, rows), _keys(frame, columns)
    names = {rows, columns, "estimator", "family", "status", value, f"{value}_low", f"{value}_high"}
    known = frame[[name for name in frame.columns if name in names]]
    records = known.assign(reference=is_reference(frame), rounding=at_rounding(frame)).to_dict("records")
    cells: dict[tuple[Any, Any], list[dict[Any, Any]]] = {}
    for record in records:
        cells.setdefault((record[rows], record[columns]), []).append(record)
    lines = [
        tuple(mark_best([_entry(cells.get((row, column), []), value) for column in column_keys], value))
        for row in row_keys
    ]
    families = {record["estimator"]: record["family"] for record in records} if columns == "estimator" else {}
    groups = tuple(str(families.get(key, key)) for key in column_keys)
    grid = Part(tuple(map(_text, column_keys)), tuple(zip(map(_text, row_keys), lines, strict=True)))
    if len(column_keys) > MARKDOWN_COLUMNS >= len(row_keys):
        turned = tuple((name, tuple(line[at] for line in lines)) for at, name in enumerate(grid.columns))
        names_across = tuple(name for name, _ in grid.rows)
        return Section(heading, label(columns), Part(names_across, turned), names_across)
    return Section(heading, label(rows), grid, groups)


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
        return Entry(text="–" if status in ("unsupported", "skipped") else f"✗ {status.replace('_', ' ')}")
    found = [cell for cell in ok if value in cell and not pd.isna(cell[value])]
    if not found:
        return Entry(text="n/a")
    values = [cell[value] for cell in found]
    if any(isinstance(item, (bool, str)) or not isinstance(item, (int, float)) for item in values):
        return Entry(text=", ".join(dict.fromkeys(map(str, values))))
    if len(found) > 1:
        return Entry(text=f"{min(values):.3g} … {max(values):.3g} ({len(found)} cells)")
    cell = found[0]
    low, high = (_or(cell.get(f"{value}_{side}"), math.nan) for side in ("low", "high"))
    error = value in ERRORS
    mark: Mark = "reference" if error and cell["reference"] else ""
    return Entry(float(cell[value]), low, high, mark=mark, rounding=error and bool(cell["rounding"]))


def mark_best(entries: Sequence[Entry], column: str) -> list[Entry]:
    """Mark the best entry, or it and all whose intervals overlap its own as ties. One alone is not the best."""
    lower = column in LOWER_IS_BETTER or column.startswith("cost_")
    if not lower and column not in HIGHER_IS_BETTER:
        return list(entries)
    competing = [at for at, entry in enumerate(entries) if math.isfinite(entry.value) and entry.mark != "reference"]
    if len(competing) < 2:
        return list(entries)
    best = min(competing, key=lambda at: entries[at].value if lower else -entries[at].value)
    tied = [at for at in competing if _overlap(entries[at], entries[best])]
    mark: Mark = "best" if tied == [best] else "tie"
    return [replace(entry, mark=mark) if at in tied else entry for at, entry in enumerate(entries)]


def _overlap(one: Entry, other: Entry) -> bool:
    if one.rounding and other.rounding:
        return True
    low, high = zip(*((_or(e.low, e.value), _or(e.high, e.value)) for e in (one, other)), strict=True)
    return bool(low[0] <= high[1] and low[1] <= high[0])


def _or(number: float | None, otherwise: float) -> float:
    return otherwise if number is None or math.isnan(number) else float(number)


def plain(entry: Entry) -> str:
    """An entry as text: `0.0126 ± 0.0009`, `(7.8 ± 0.9)e-8`, `0.05 [0, 0.2]` where the bounds are lopsided."""
    center, spread, bounds, exponent = _digits(entry)
    if not center:
        return entry.text
    body = f"{center} ± {spread}" if spread else f"{center} [{', '.join(bounds)}]" if bounds else center
    if not exponent:
        return body
    return f"({body})e{exponent}" if spread or bounds else f"{body}e{exponent}"


def to_markdown(comparison: Comparison) -> str:
    """The comparison as GitHub-flavoured Markdown."""
    lines = [f"## {md(comparison.title)}", "", md(comparison.caption), ""]
    for section in comparison.sections:
        lines += [f"### {md(section.heading)}", ""] if section.heading else []
        for part in section.parts(MARKDOWN_COLUMNS):
            header = [section.corner, *part.columns]
            body = [[md(name), *map(_markdown_entry, entries)] for name, entries in part.rows]
            lines += [*markdown_table([md(name) for name in header], body), ""]
    if not any(section.grid.rows for section in comparison.sections):
        lines += ["The run has no cells for this table.", ""]
    return "\n".join([*lines, *(f"{md(note)}  " for note in comparison.notes)]).rstrip() + "\n"


def markdown_table(header: Sequence[str], body: Sequence[Sequence[str]], align: str = "--:") -> list[str]:
    """Lines of a Markdown table: the first column to the left, the others to the right unless `align` says else."""
    lines = [header, [":--", *[align] * (len(header) - 1)], *body]
    return [f"| {' | '.join(line)} |" for line in lines]


def to_latex(comparison: Comparison) -> str:
    """The comparison as LaTeX tables for `\\input`; the document needs only `\\usepackage{booktabs}`."""
    parts = [(section, part) for section in comparison.sections for part in section.parts(LATEX_COLUMNS)]
    lines = [r"% needs \usepackage{booktabs}"]
    for number, (section, part) in enumerate(parts, start=1):
        title = f"{comparison.title} ({section.heading})" if section.heading else comparison.title
        title += f", part {number} of {len(parts)}" if len(parts) > 1 else ""
        texts = [f"{title}.", comparison.caption, *comparison.notes] if number == 1 else [f"{title}."]
        lines += [
            *(r"\begin{table}[htbp]", r"\centering\scriptsize\setlength{\tabcolsep}{3pt}"),
            *(rf"\caption{{{latex(' '.join(texts))}}}", rf"\label{{tab:{comparison.name}-{number}}}"),
            rf"\begin{{tabular}}{{l{'r' * len(part.columns)}}}",
            r"\toprule",
            *_latex_rows(section.corner, part),
            *(r"\bottomrule", r"\end{tabular}", r"\end{table}", ""),
        ]
    return "\n".join(lines).rstrip() + "\n"


def latex(text: str) -> str:
    """Text with LaTeX's special characters escaped, and the signs that captions use written as commands."""
    return "".join(LATEX_SIGNS.get(character, character) for character in text)


LATEX_SIGNS = {
    **{sign: f"\\{sign}" for sign in "&%$#{}"},
    **{
        "_": r"\_\allowbreak{}",
        "=": r"=\allowbreak{}",
        "(": r"(\allowbreak{}",
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
    },
    **{"^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "†": r"$^\dagger$", "✗": r"$\times$"},
    **{"±": r"$\pm$", "×": r"$\times$", "−": "$-$", "‖": r"$\|$", "²": "$^2$", "–": "--", "…": r"\ldots{}"},
}


def _latex_rows(corner: str, part: Part) -> Iterator[str]:
    width = 0.66 / len(part.columns)
    heads = [rf"\parbox[b]{{{width:.3f}\linewidth}}{{\raggedleft {latex(name)}}}" for name in part.columns]
    yield " & ".join([latex(corner), *heads]) + r" \\"
    yield r"\midrule"
    for name, entries in part.rows:
        head = rf"\parbox[t]{{0.21\linewidth}}{{\raggedright {latex(name)}\strut}}"
        yield " & ".join([head, *map(_latex_entry, entries)]) + r" \\"


def _latex_entry(entry: Entry) -> str:
    center, spread, bounds, exponent = _digits(entry)
    if not center:
        return latex(entry.text)
    body = rf"{center} \pm {spread}" if spread else rf"{center}\;[{', '.join(bounds)}]" if bounds else center
    if exponent:
        body = rf"({body})" if spread or bounds else body
        body += rf"\mathrm{{e}}{{{exponent}}}"
    body = {"best": rf"\mathbf{{{body}}}", "reference": rf"\mathit{{{body}}}", "tie": rf"{{{body}}}^\dagger"}.get(
        entry.mark, body
    )
    return f"${body}$"


def _digits(entry: Entry) -> tuple[str, str, tuple[str, ...], int]:
    """Value, half-width or bounds, and power of ten. The interval's first digit decides how many are shown."""
    value, low, high = entry.value, entry.low, entry.high
    if not math.isfinite(value):
        return ("" if entry.text or math.isnan(value) else str(value)), "", (), 0
    if value == 0 and not max(abs(low), abs(high)) > 0:
        return "0", "", (), 0
    below, above = value - low, high - value
    known = math.isfinite(below) and math.isfinite(above) and max(below, above) > 1e-6 * abs(value)
    half = max(abs(below), abs(above)) if known else 0.0
    size = max(abs(value), half)
    power = math.floor(math.log10(size)) if size > 0 else 0
    exponent = power if power < -3 or power > 4 else 0
    last = power - 2
    if known:
        leading = math.floor(math.log10(half))
        last = leading - (half / 10.0**leading < 2.95)
    places = max(0, exponent - last)

    def shown(number: float) -> str:
        return f"{number / 10.0**exponent:.{places}f}"

    if not known:
        return shown(value), "", (), exponent
    if min(below, above) * 1.5 >= max(below, above):
        return shown(value), shown(half), (), exponent
    return shown(value), "", (shown(low), shown(high)), exponent


def md(text: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{sign}" if sign in "\\|*<`[" else sign for sign in text.replace("\n", " "))


def _markdown_entry(entry: Entry) -> str:
    text = md(plain(entry))
    return {"best": f"**{text}**", "reference": f"*{text}*", "tie": f"{text} †"}.get(entry.mark, text)


@dataclass(frozen=True)
class Grid:
    """Exponents against one x, as text: a line per curve, a column per quantity."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def scaling_grids(exponents: pd.DataFrame) -> list[Grid]:
    """Lay out a `scaling_table`."""
    several = len(exponents[["device", "dtype"]].drop_duplicates()) > 1
    who = ["problem", "estimator", *(["device", "dtype"] if several else [])]
    grids = []
    for x, fits in exponents.groupby("x", sort=False):
        quantities = list(dict.fromkeys(fits["y"]))
        rows = []
        for key, group in fits.groupby(who, sort=False):
            numbers = group[["exponent", "exponent_low", "exponent_high"]].to_numpy(dtype=float).tolist()
            found = {y: exponent_text(*bounds) for y, bounds in zip(group["y"], numbers, strict=True)}
            rows.append((*map(str, key), *(found.get(y, "") for y in quantities)))
        grids.append(Grid(f"Against {label(str(x))}", (*who, *map(label, quantities)), tuple(rows)))
    return grids


def _scaling_markdown(exponents: pd.DataFrame) -> str:
    lines = ["## Scaling exponents", "", SCALING_CAPTION, ""]
    for grid in scaling_grids(exponents):
        body = [[*map(md, row)] for row in grid.rows]
        lines += [f"### {md(grid.title)}", "", *markdown_table([*map(md, grid.header)], body), ""]
    return "\n".join(lines).rstrip() + "\n"


SCALING_CAPTION = (
    "Exponent k of y ~ x^k over the cells that differ only in x, by least squares on log–log axes; "
    "in brackets its Student-t interval, where there are more than two points."
)


def exponent_text(exponent: float, low: float, high: float) -> str:
    """An exponent with its interval: `1.02 [0.98, 1.06]`."""
    texts = [f"{round(number, 2) + 0.0:.2f}" for number in (exponent, low, high)]
    return texts[0] if math.isnan(low) else f"{texts[0]} [{texts[1]}, {texts[2]}]"
