"""Effective samples for their price: per score evaluation and per second."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from estibench import Results

COLUMNS = ("ess", "ess_per_evaluation", "ess_per_second")
HEADERS = ("problem", "sampler", "ESS", "ESS per evaluation", "ESS per second")


def efficiency(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per cell that has a `reading_ess` and spends evaluations; each column with its bounds `_low`, `_high`.

    ess: of all chains and records. ess_per_evaluation: over the evaluations of all chains. ess_per_second: over the
    time of a run; its bounds divide by the far bound of the time. ESS says how independent the states are, not whether
    their law is right: read it beside the error.
    """
    if "reading_ess" not in frame:
        return pd.DataFrame()
    rows = frame[(frame["status"] == "ok") & (frame["work"] > 0) & frame["reading_ess"].notna()]
    found = rows[["problem", "estimator"]].copy()
    seconds = {"": "", "_low": "_high", "_high": "_low"}
    for side, other in seconds.items():
        ess = rows[f"reading_ess{side}"]
        found[f"ess{side}"] = ess
        found[f"ess_per_evaluation{side}"] = ess / (rows["work"] * rows["problem_chains"])
        if f"time{other}" in rows:  # a bound that few rounds leave open is not finite
            found[f"ess_per_second{side}"] = ess / rows[f"time{other}"].clip(lower=0)
        else:
            found[f"ess_per_second{side}"] = float("nan")
    return found


def export(results: Results) -> list[Path]:
    """`tables/ess.csv` and `tables/ess.md`, for runs that record chains along their way."""
    found = efficiency(results.frame)
    if found.empty:
        return []
    folder = results.directory / "tables"
    folder.mkdir(exist_ok=True)
    found.to_csv(folder / "ess.csv", index=False)
    lines = [f"| {' | '.join(HEADERS)} |", f"|{'---|' * len(HEADERS)}"]
    for row in found.to_dict("records"):
        cells = [_cell(*(float(row[f"{name}{side}"]) for side in ("", "_low", "_high"))) for name in COLUMNS]
        lines.append(f"| {row['problem']} | {row['estimator']} | {' | '.join(cells)} |")
    (folder / "ess.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [folder / "ess.csv", folder / "ess.md"]


def _cell(value: float, low: float, high: float) -> str:
    return f"{value:.3g}" if math.isnan(low) or math.isnan(high) else f"{value:.3g} [{low:.3g}, {high:.3g}]"
