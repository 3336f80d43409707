"""The whole table as `table.parquet` and `table.csv`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estibench.results.published import TABLE_FILE
from estibench.results.run_directory import Results, once

if TYPE_CHECKING:
    import pandas as pd


def export(results: Results) -> list[Path]:
    """Writes `table.parquet` and `table.csv`; claims become JSON text."""
    csv = results.directory / "table.csv"
    csv.write_text(to_csv(results), encoding="utf-8", newline="")
    return [export_parquet(results), csv]


def export_parquet(results: Results) -> Path:
    """Writes `table.parquet`."""
    path = results.directory / TABLE_FILE
    _flat(results).to_parquet(path, index=False, compression="zstd", compression_level=9)
    return path


@once
def to_csv(results: Results) -> str:
    """The whole table as CSV."""
    return str(_flat(results).to_csv(index=False))


@once
def _flat(results: Results) -> pd.DataFrame:
    """The table with columns of one type each; lists and mappings as JSON."""
    import pandas as pd

    frame = results.frame.copy()
    for name in frame.columns:
        if pd.api.types.is_object_dtype(frame[name]):
            frame[name] = _of_one_type(frame[name].tolist())
    return frame


def _of_one_type(values: list[Any]) -> list[Any]:
    """Lists and mappings as JSON; values of several types (two plugins' parameters of one name) as text."""
    import pandas as pd

    plain = [json.dumps(value) if isinstance(value, (list, dict)) else value for value in values]
    plain = [None if pd.isna(value) else value for value in plain]
    if len({type(value) for value in plain if value is not None}) > 1:
        return [None if value is None else str(value) for value in plain]
    return plain
