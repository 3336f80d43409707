"""A section of the report: where training has led, by problem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from estibench import Results

INTRODUCTION = (
    "Excess of the exact loss over the truth at the last step, mean over runs with its confidence interval, from low\n"
    "to high; evaluations and seconds of a whole run."
)


def sections(results: Results) -> list[tuple[str, str]]:
    """The section, if the run has fits."""
    frame = results.frame
    if frame.empty or "curve" not in frame:
        return []
    fits = frame[(frame["task"] == "discrete_fit") & (frame["status"] == "ok")]
    parts = [_table(str(problem), rows.to_dict("records")) for problem, rows in fits.groupby("problem", sort=False)]
    return [("Where training has led", "\n\n".join([INTRODUCTION, *parts]))] if parts else []


def _table(problem: str, rows: list[dict[Any, Any]]) -> str:
    ranked = sorted(rows, key=lambda row: row["curve"]["error"][-1])
    table = [["estimator", "excess loss", "interval", "runs", "evaluations", "seconds"]]
    for row in ranked:
        value, low, high = (row["curve"][name][-1] for name in ("error", "low", "high"))
        numbers = [f"{row['draws']:g}", f"{row.get('work', float('nan')):g}", f"{row.get('time', float('nan')):.3g}"]
        bounds = "" if low is None else f"[{low:.3g}, {high:.3g}]"  # none where nearly all runs end alike
        table.append([row["estimator"], f"{value:.3g}", bounds, *numbers])
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    lines = ["   ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in table]
    return "\n".join([problem, lines[0], "─" * max(map(len, lines)), *lines[1:]])
