"""The questions that a suite asks of its training runs, each with a sentence that is computed from their rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from estibench.exports.comparison import blocks
from estibench.exports.contests import SummaryTable
from estibench.exports.parts import parts_in_words
from estibench.exports.races import race_in_words

if TYPE_CHECKING:
    import pandas as pd

    from estibench.results.run_directory import Results

SENTENCES = {"race": race_in_words, "parts": parts_in_words}
ASKED = (
    "Each has a plot. Better, not told apart: Welch's test by the intervals over runs, with Bonferroni's correction "
    "for the rivals; from a step on, and up to a step: for the checkpoints as well."
)


def selected(cells: pd.DataFrame, plot: Mapping[str, Any]) -> pd.DataFrame:
    """Cells of the problems and the estimators that a plot names, by label or registered name; without names, all."""
    keep = cells["status"].notna()
    for kind in ("problem", "estimator"):
        names = plot.get(f"{kind}s")
        if names:
            keep &= cells[kind].isin(names) | cells[f"{kind}_name"].isin(names)
    return cells[keep]


def sentence(cells: pd.DataFrame, plot: Mapping[str, Any], level: float) -> str:
    """What the selected cells of one device and dtype say to a plot's question; empty where they cannot answer it."""
    said = SENTENCES[plot["kind"]](selected(cells, plot), level)
    return f"{said[0].upper()}{said[1:]}." if said else ""


def questions(results: Results) -> Iterator[tuple[str, str]]:
    """Every question of the suite that the run can answer, and its sentence."""
    parts = list(blocks(results.frame))
    for plot in results.about.get("plots") or []:
        if plot["kind"] not in SENTENCES or not plot.get("title"):
            continue
        for device, dtype, cells in parts:
            said = sentence(cells, plot, results.confidence)
            if said:
                yield plot["title"] + (f" ({device}, {dtype})" if len(parts) > 1 else ""), said


def questions_table(results: Results) -> SummaryTable:
    """The same as a table."""
    return SummaryTable("What was asked", ASKED, ("question", "answer"), tuple(questions(results)))
