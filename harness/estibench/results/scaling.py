"""The scaling table: the exponent k of y ~ x^k for every curve that the suite asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from estibench.results.curves import curves
from estibench.results.power_law import fit

if TYPE_CHECKING:
    import pandas as pd

    from estibench.results.run_directory import Results

COLUMNS = (
    "problem",
    "estimator",
    "device",
    "dtype",
    "y",
    "x",
    "points",
    "exponent",
    "exponent_low",
    "exponent_high",
    "exact",
)


def scaling_table(results: Results) -> pd.DataFrame:
    """Every exponent that the suite asks for; see `COLUMNS`. Empty where nothing varies."""
    import pandas as pd

    confidence = results.confidence
    rows = []
    for entry in results.about.get("scaling") or []:
        y, x = entry["y"], entry["x"]
        for curve in curves(results.frame, y, x):
            law = fit(curve, confidence)
            who = (curve.problem, curve.estimator, curve.device, curve.dtype)
            rows.append((*who, y, x, len(curve.points), law.exponent, law.low, law.high, law.exact))
    return pd.DataFrame(rows, columns=list(COLUMNS))
