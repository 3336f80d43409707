"""The table of a run as a pandas DataFrame: one row per cell, failures included."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estibench.columns import IDENTITY, MEASURED, WITH_INTERVAL, parameter_columns
from estibench.results.verdicts import judge, judge_times

if TYPE_CHECKING:
    import pandas as pd

    from estibench.results.run_directory import Results


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
        **parameter_columns("problem", cell.problem.parameters),
        **parameter_columns("estimator", cell.estimator.parameters),
    }


def to_frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows of the store as a table, with verdicts and work-normalised errors added."""
    import pandas as pd

    rows = [dict(row) for row in rows]
    judge(rows)
    judge_times(rows)
    for row in rows:
        _normalise_by_work(row)
    frame = pd.DataFrame(rows)
    return frame[_ordered(list(frame.columns))]


def export(results: Results) -> list[Path]:
    """Writes `table.parquet` and `table.csv`; claims become JSON text."""
    import pandas as pd

    frame = results.frame.copy()
    for name in frame.columns:
        if pd.api.types.is_object_dtype(frame[name]):
            frame[name] = _of_one_type(frame[name].tolist())
    parquet, csv = results.directory / "table.parquet", results.directory / "table.csv"
    frame.to_parquet(parquet, index=False)
    frame.to_csv(csv, index=False)
    return [parquet, csv]


def _of_one_type(values: list[Any]) -> list[Any]:
    """Lists and mappings as JSON; values of several types (two plugins' parameters of one name) as text."""
    import pandas as pd

    plain = [json.dumps(value) if isinstance(value, (list, dict)) else value for value in values]
    plain = [None if pd.isna(value) else value for value in plain]
    if len({type(value) for value in plain if value is not None}) > 1:
        return [None if value is None else str(value) for value in plain]
    return plain


def _normalise_by_work(row: dict[str, Any]) -> None:
    """mse × time and mse × work. The product's interval treats the two factors' bounds as simultaneous."""
    for side in ("", "_low", "_high"):
        mse, time, work = row.get(f"mse{side}"), row.get(f"time{side}"), row.get("work")
        if mse is not None and time is not None:
            row[f"mse_time{side}"] = mse * time
        if mse is not None and work:
            row[f"mse_work{side}"] = mse * work


def _ordered(columns: list[str]) -> list[str]:
    quantities = [name + side for name in WITH_INTERVAL for side in ("", "_low", "_high")]
    wanted = [*list(IDENTITY)[:8], *quantities, "work", *MEASURED, *IDENTITY]
    first = [column for column in dict.fromkeys(wanted) if column in columns]
    return first + sorted(set(columns) - set(first))
