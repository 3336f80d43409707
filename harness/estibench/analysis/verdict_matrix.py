"""Verdicts on claims, counted: who makes which kind of claim, and how many of the tests support it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from estibench.columns import label

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class VerdictMatrix:
    """Verdicts of one task.

    Attributes:
        rows: estimators or families, in the order of the table.
        kinds: of claims, the most frequent first.
        counts: tests by verdict, for each row and kind that has any.
    """

    rows: tuple[str, ...]
    kinds: tuple[str, ...]
    counts: dict[tuple[str, str], Counter[str]]


def verdict_matrix(cells: pd.DataFrame, by: str) -> VerdictMatrix | None:
    """The matrix of ok cells of one task; None where nothing was claimed.

    Args:
        by: `family` or `estimator`.
    """
    if "claims" not in cells:
        return None
    counts: dict[tuple[str, str], Counter[str]] = {}
    rows: dict[str, None] = {}
    for name, claims in zip(cells[by].astype(str), cells["claims"], strict=True):
        for claim in claims if isinstance(claims, list) else []:
            rows[name] = None
            counts.setdefault((name, kind_of(str(claim["claim"]))), Counter())[str(claim["verdict"])] += 1
    if not counts:
        return None
    total: Counter[str] = Counter()
    for (_, kind), found in counts.items():
        total[kind] += found.total()
    return VerdictMatrix(tuple(rows), tuple(kind for kind, _ in total.most_common()), counts)


def kind_of(claim: str) -> str:
    """What a claim is about, without its formula, condition, exponent and number of cells.

    `unbiased`, `variance`, `matvec`, `variance ~ probes`.
    """
    text = claim.partition(" if ")[0].partition(" over ")[0]
    left, law, right = text.partition(" ~ ")
    if law:
        return f"{label(left)} ~ {label(right.partition('^')[0])}"
    return text.partition(" = ")[0].removeprefix("cost in ").partition(" covers")[0]
