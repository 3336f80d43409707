"""The suite's comparisons as Markdown and LaTeX: `tables/<name>.md`, `tables/<name>.tex`.

Beside them the scaling exponents and the break-evens: `tables/scaling.{md,csv}`, `tables/break_even.{md,csv}`; and
where a bias shows, what stated budgets buy and where the order turns: `tables/budgets.csv`, `tables/flips.csv`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from estibench.exports.budget_files import budget_tables
from estibench.exports.comparison import Comparison, Entry, Part, comparisons
from estibench.exports.grids import (
    BREAK_EVEN_CAPTION,
    NO_BREAK_EVEN,
    SCALING_CAPTION,
    Grid,
    break_even_grids,
    scaling_grids,
)
from estibench.exports.scaling import break_even_table, scaling_table

if TYPE_CHECKING:
    from estibench.results.run_directory import Results

FOLDER = "tables"
MARKDOWN_COLUMNS, LATEX_COLUMNS = 7, 4


def export(results: Results) -> list[Path]:
    """Writes the suite's tables (error and time where it asks for none), scaling exponents and break-evens."""
    folder = results.directory / FOLDER
    folder.mkdir(exist_ok=True)
    texts = {}
    for comparison in comparisons(results):
        texts[f"{comparison.name}.md"] = to_markdown(comparison)
        texts[f"{comparison.name}.tex"] = to_latex(comparison)
    exponents = scaling_table(results)
    if len(exponents):
        texts["scaling.md"] = _grids_markdown("Scaling exponents", SCALING_CAPTION, scaling_grids(exponents))
        texts["scaling.csv"] = exponents.to_csv(index=False)
    if results.about.get("break_even"):
        crossings = break_even_table(results)
        caption = BREAK_EVEN_CAPTION if len(crossings) else f"{BREAK_EVEN_CAPTION} {NO_BREAK_EVEN}"
        texts["break_even.md"] = _grids_markdown("Break-even", caption, break_even_grids(crossings))
        texts["break_even.csv"] = crossings.to_csv(index=False)
    bought, turns = budget_tables(results)
    if len(bought):
        texts["budgets.csv"] = bought.to_csv(index=False)
        texts["flips.csv"] = turns.to_csv(index=False)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


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
    apart = rf"\mathit{{{body}}}"
    marks = {"best": rf"\mathbf{{{body}}}", "reference": apart, "floor": apart, "tie": rf"{{{body}}}^\dagger"}
    body = marks.get(entry.mark, body)
    return f"${body}${latex(entry.sign)}"


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
    apart = f"*{text}*"
    marked = {"best": f"**{text}**", "reference": apart, "floor": apart, "tie": f"{text} †"}.get(entry.mark, text)
    return f"{marked}{entry.sign}"


def _grids_markdown(title: str, caption: str, grids: Sequence[Grid]) -> str:
    lines = [f"## {md(title)}", "", md(caption), ""]
    for grid in grids:
        body = [[*map(md, row)] for row in grid.rows]
        lines += [f"### {md(grid.title)}", "", *markdown_table([*map(md, grid.header)], body), ""]
    return "\n".join(lines).rstrip() + "\n"
