"""The tables of exponents and of break-evens that the suite asks for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING

from estibench.analysis.break_even import crossings
from estibench.analysis.curves import Curve, curves
from estibench.analysis.power_law import fit
from estibench.columns import HIGHER_IS_BETTER

if TYPE_CHECKING:
    import pandas as pd

    from estibench.results.run_directory import Results

EXPONENTS = (
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

BREAK_EVENS = (
    "problem",
    "better_below",
    "better_above",
    "device",
    "dtype",
    "y",
    "x",
    "break_even",
    "break_even_low",
    "break_even_high",
)


def scaling_table(results: Results) -> pd.DataFrame:
    """Every exponent that the suite asks for; see `EXPONENTS`. Empty where nothing varies."""
    import pandas as pd

    confidence = results.confidence
    rows = []
    for entry in results.about.get("scaling") or []:
        y, x = entry["y"], entry["x"]
        for curve in curves(results.frame, y, x):
            law = fit(curve, confidence)
            who = (curve.problem, curve.estimator, curve.device, curve.dtype)
            rows.append((*who, y, x, len(curve.points), law.exponent, law.low, law.high, law.exact))
    return pd.DataFrame(rows, columns=list(EXPONENTS))


def break_even_table(results: Results) -> pd.DataFrame:
    """Every crossing that the suite asks for; see `BREAK_EVENS`. Empty where no two curves demonstrably cross."""
    import pandas as pd

    confidence = results.confidence
    rows = []
    for entry in results.about.get("break_even") or []:
        y, x = entry["y"], entry["x"]
        for first, second in pairs_of(curves(results.frame, y, x), entry.get("between")):
            for found in crossings(first, second, confidence):
                below, above = first.estimator, second.estimator
                if found.first_below == (y in HIGHER_IS_BETTER):
                    below, above = above, below
                where = (first.problem, below, above, first.device, first.dtype)
                rows.append((*where, y, x, found.at, found.low, found.high))
    return pd.DataFrame(rows, columns=list(BREAK_EVENS)).drop_duplicates(ignore_index=True)


def pairs_of(found: list[Curve], between: list[str] | None) -> Iterator[tuple[Curve, Curve]]:
    """The pairs of curves on the same problem, device and dtype; one of each side where `between` names two."""
    for one, other in combinations(found, 2):
        if (one.problem, one.device, one.dtype) != (other.problem, other.device, other.dtype):
            continue
        if between is None or any(a in names_of(one) and b in names_of(other) for a, b in (between, between[::-1])):
            yield one, other


def names_of(curve: Curve) -> tuple[str, str, str]:
    """What a suite may call a curve's estimator."""
    return curve.estimator_name, curve.family, curve.estimator
