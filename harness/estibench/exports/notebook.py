"""A run's results in a notebook: the answer, one plot, and the table that one looks at first."""

from __future__ import annotations

import html
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from estibench.exports import plots
from estibench.exports.answer import answer_lines, grouped
from estibench.exports.contests import seconds

if TYPE_CHECKING:
    import pandas as pd

    from estibench.results.run_directory import Results

MOST_ROWS = 12
MOST_PANELS = 6  # problems that a plot shows
SHOWN = {
    "problem": "problem",
    "estimator": "estimator",
    "relative_rmse": "relative RMSE",
    "time": "time",
    "work": "work",
}


def to_html(results: Results) -> str:
    """The page of a cell of a notebook; every text is escaped."""
    return "".join([_answer(results), _plot(results), _table(results)])


def _answer(results: Results) -> str:
    parts = []
    for head, points in grouped(answer_lines(results)):
        items = "".join(f"<li>{html.escape(point)}</li>" for point in points)
        parts.append(f"<p><b>{html.escape(head)}</b></p><ul>{items}</ul>" if points else f"<p>{html.escape(head)}</p>")
    return "".join(parts)


def _plot(results: Results) -> str:
    """Error against time, or work where that was not read, on the first problems; nothing where neither is known."""
    frame = results.frame
    x = next((name for name in ("time", "work") if name in frame and frame[name].notna().any()), None)
    y = next((name for name in ("relative_rmse", "rmse") if name in frame and frame[name].notna().any()), None)
    if x is None or y is None:
        return ""
    problems = list(dict.fromkeys(frame["problem"].astype(str)))
    several = f", {MOST_PANELS} of {len(problems)} problems" if len(problems) > MOST_PANELS else ""
    wanted = {"kind": "error_cost", "x": x, "y": y, "problems": problems[:MOST_PANELS], "name": "notebook"}
    wanted["title"] = f"Error against {x}{several}"
    picture = next(plots.pictures(replace(results, about={**results.about, "plots": [wanted]})), None)
    if picture is None:
        return ""
    drawn = plots.to_svg(results, picture)
    return f'<div style="background: #fff; overflow-x: auto">{drawn[drawn.find("<svg") :]}</div>'


def _table(results: Results) -> str:
    frame = results.frame
    ok = frame[frame["status"] == "ok"] if len(frame) else frame
    if ok.empty:
        return ""
    found: pd.DataFrame = ok[[name for name in SHOWN if name in ok]].head(MOST_ROWS).copy()
    if "time" in found:
        found["time"] = ["" if math.isnan(value) else seconds(value) for value in found["time"]]
    rest = len(ok) - len(found)
    named = found.rename(columns={"relative_rmse": "relative RMSE"})
    table = named.to_html(index=False, border=0, na_rep="", float_format=lambda value: f"{value:.3g}")
    return table + (f"<p>and {rest} more rows: <code>.frame</code></p>" if rest else "")
