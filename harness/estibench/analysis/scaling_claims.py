"""Claims about exponents, tested over a whole run: the evidence goes to the last cell of each curve."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from estibench.analysis.curves import curves
from estibench.analysis.power_law import Fit, fit

if TYPE_CHECKING:
    import pandas as pd

EXPONENT_THAT_MATTERS = 0.5
ROUNDING = 1e-9


def scaling_evidence(frame: pd.DataFrame, confidence: float) -> dict[Any, list[dict[str, Any]]]:
    """Evidence for each claim about scaling, in the form of `measure.claims.Evidence`, by the label of a row.

    A claim is tested on every curve all of whose cells make it.
    """
    if "scaling_claims" not in frame:
        return {}
    made: dict[tuple[str, str], dict[Any, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for label, claims in frame["scaling_claims"].items():
        for claim in claims if isinstance(claims, list) else []:
            made[claim["y"], claim["x"]][label].append(claim)
    found: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for (y, x), by_cell in made.items():
        for curve in curves(frame.loc[list(by_cell)], y, x):
            cells = list(curve.points["cell"])
            for claim in by_cell[cells[-1]]:
                if all(claim in by_cell[cell] for cell in cells):
                    evidence = _evidence(claim, fit(curve, confidence), len(cells))
                    found[cells[-1]].append(evidence | {"exponent_of": y})
    return found


def _evidence(claim: dict[str, Any], law: Fit, points: int) -> dict[str, Any]:
    """An exact law is a matter of its slopes. A measured one is tested by the normal distribution with the larger of
    its two standard errors: the points' own, or their scatter about the line where that is larger (Birge 1932)."""
    exponent, tolerance = float(claim["exponent"]), float(claim["tolerance"])
    known = [error for error in law.errors if not math.isnan(error)]
    evidence = {
        "claim": f"{claim['claim']} over {points} cells",
        "measured": law.exponent,
        "low": law.low,
        "high": law.high,
        "claimed": exponent,
        "draws": 0,
        "effect": f"an exponent off by {EXPONENT_THAT_MATTERS:g}",
        "numerator": 1.0,
        "denominator": math.inf,
    }
    if law.exact:
        off = max(exponent - law.low, law.high - exponent)
        return evidence | {"p_value": float(off <= tolerance + ROUNDING), "noncentrality": math.inf}
    if not known:
        return evidence | {"p_value": 1.0, "noncentrality": 0.0}
    error = max(known)
    distance = max(abs(law.exponent - exponent) - tolerance, 0.0)
    if error == 0:
        return evidence | {"p_value": float(distance <= ROUNDING), "noncentrality": math.inf}
    p_value = math.erfc(distance / error / math.sqrt(2))
    return evidence | {"p_value": p_value, "noncentrality": (EXPONENT_THAT_MATTERS / error) ** 2}
