"""Verdicts on claims, corrected for multiplicity over the whole run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

ERROR_RATE = 0.05


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
    """Adds to every claim its Holm-adjusted p-value and verdict, and to every row their numbers.

    Deterministic checks (counts, exactness) have p-values of 0 or 1 and take no part in the correction.
    """
    random = [claim for row in rows for claim in row.get("claims") or () if 0 < claim["p_value"] < 1]
    for claim, adjusted in zip(random, holm([claim["p_value"] for claim in random]), strict=True):
        claim["p_adjusted"] = adjusted
    for row in rows:
        claims = row.get("claims") or []
        for claim in claims:
            adjusted = claim.setdefault("p_adjusted", claim["p_value"])
            refuted = adjusted < ERROR_RATE
            claim["verdict"] = "refuted" if refuted else "supported" if claim["decisive"] else "undecided"
        for verdict in ("supported", "refuted", "undecided"):
            row[f"claims_{verdict}"] = sum(claim["verdict"] == verdict for claim in claims)


def judge_times(rows: Sequence[dict[str, Any]]) -> None:
    """Adds `time_ratio_differs`, Holm-corrected over each block."""
    blocks: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in rows:
        if row.get("time_ratio_p_value") is not None and row["estimator"] != row.get("baseline"):
            blocks.setdefault((row["problem"], row["device"], row["dtype"]), []).append(row)
    for block in blocks.values():
        for row, adjusted in zip(block, holm([row["time_ratio_p_value"] for row in block]), strict=True):
            row["time_ratio_differs"] = adjusted < ERROR_RATE
