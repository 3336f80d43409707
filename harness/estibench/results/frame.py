"""The table of a run as a pandas DataFrame: one row per cell, failures included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from estibench.analysis.efficiency import normalise_by_work
from estibench.analysis.pareto import mark_fronts
from estibench.analysis.scaling_claims import scaling_evidence
from estibench.analysis.verdicts import judge, judge_ratios
from estibench.columns import IDENTITY, MEASURED, WITH_INTERVAL, parameter_columns

if TYPE_CHECKING:
    import pandas as pd


def identity(cell: Any, suite: str) -> dict[str, Any]:
    """The columns that say which cell a row is: labels, and each parameter in a column of its own."""
    return {
        "suite": suite,
        "problem": cell.problem.label,
        "estimator": cell.estimator.label,
        "device": cell.device,
        "dtype": cell.dtype,
        "problem_name": cell.problem.name,
        "estimator_name": cell.estimator.name,
        "family": cell.estimator.family,
        "compile": cell.estimator.compile,
        **parameter_columns("problem", cell.problem.parameters),
        **parameter_columns("estimator", cell.estimator.parameters),
    }


def to_frame(rows: Sequence[dict[str, Any]], confidence: float = 0.95) -> pd.DataFrame:
    """Rows of the store as a table, with verdicts, work-normalised errors and Pareto fronts added.

    Args:
        confidence: of the intervals in the rows.
    """
    import pandas as pd

    rows = [dict(row) for row in rows]
    for row in rows:
        normalise_by_work(row)
    for number, evidence in scaling_evidence(pd.DataFrame(rows), confidence).items():
        rows[number]["claims"] = [*rows[number]["claims"], *evidence]
    judge(rows)
    judge_ratios(rows)
    frame = mark_fronts(pd.DataFrame(rows))
    return frame[_ordered(list(frame.columns))]


def _ordered(columns: list[str]) -> list[str]:
    quantities = [name + side for name in WITH_INTERVAL for side in ("", "_low", "_high")]
    wanted = [*list(IDENTITY)[:8], *quantities, "work", *MEASURED, *IDENTITY]
    first = [column for column in dict.fromkeys(wanted) if column in columns]
    return first + sorted(set(columns) - set(first))
