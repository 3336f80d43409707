"""Verdicts on claims, corrected for multiplicity over the whole run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

ERROR_RATE = 0.05
ENOUGH_POWER = 0.8


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values, in the order given (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def judge(rows: Sequence[dict[str, Any]]) -> None:
    """Adds to every claim its Holm-adjusted p-value, power and verdict, and to every row their numbers.

    A claim is *refuted* at an adjusted p-value below 5 %. Else it is *supported* if its test, at the level that Holm's
    correction starts from, had a power of at least 80 % against the violation that matters; or it is *undecided*.
    Deterministic checks (counts, exactness) have p-values of 0 or 1 and take no part in the correction.
    """
    claims = [claim for row in rows for claim in row.get("claims") or ()]
    random = [claim for claim in claims if 0 < claim["p_value"] < 1]
    for claim, adjusted in zip(random, holm([claim["p_value"] for claim in random]), strict=True):
        claim["p_adjusted"] = adjusted
    for claim in claims:
        adjusted = claim.setdefault("p_adjusted", claim["p_value"])
        claim["power"] = power(claim, ERROR_RATE / max(len(random), 1))
        stands = "supported" if claim["power"] >= ENOUGH_POWER else "undecided"
        claim["verdict"] = "refuted" if adjusted < ERROR_RATE else stands
    for row in rows:
        if "claims" not in row:
            continue
        verdicts = [claim["verdict"] for claim in row["claims"]]
        for verdict in ("supported", "refuted", "undecided"):
            row[f"claims_{verdict}"] = verdicts.count(verdict)


def power(claim: Mapping[str, Any], level: float) -> float:
    """Probability that a claim's test at `level` refutes it, if it is violated by as much as matters.

    The statistic is then noncentral F, with the degrees of freedom and the noncentrality that the evidence names.
    """
    from scipy import special

    shift = float(claim["noncentrality"])
    if math.isinf(shift):
        return 1.0
    first, second = float(claim["numerator"]), float(claim["denominator"])
    if math.isinf(second):
        return 1.0 - float(special.chndtr(special.chdtri(first, level), first, shift))
    critical = float(special.fdtri(first, second, 1.0 - level))
    found = 1.0 - float(special.ncfdtr(first, second, shift, critical))
    return found if math.isfinite(found) else 1.0  # far beyond the critical value scipy's series overflows


def judge_ratios(rows: Sequence[dict[str, Any]]) -> None:
    """Adds `mse_ratio_differs` and `time_ratio_differs`, Holm-corrected over each block."""
    for quantity in ("mse_ratio", "time_ratio"):
        blocks: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
        for row in rows:
            if row.get(f"{quantity}_p_value") is not None and row["estimator"] != row.get("baseline"):
                blocks.setdefault((row["problem"], row["device"], row["dtype"]), []).append(row)
        for block in blocks.values():
            adjusted = holm([row[f"{quantity}_p_value"] for row in block])
            for row, p_value in zip(block, adjusted, strict=True):
                row[f"{quantity}_differs"] = p_value < ERROR_RATE
