"""The table of a published run: `table.parquet` read back as the frame that it was written from.

A published run holds its `run.json` and its table, and not the store: draws and logs stay at home.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estibench.columns import IDENTITY, NESTED
from estibench.errors import UserError
from estibench.plain import printable

if TYPE_CHECKING:
    import pandas as pd

TABLE_FILE = "table.parquet"


def read_table(path: Path) -> pd.DataFrame:
    """The frame of a run. Nothing is unpickled, and its texts are safe to print.

    Raises:
        UserError: the file is no such table.
    """
    import pandas as pd

    try:
        frame = pd.read_parquet(path, engine="pyarrow")
    except Exception as error:  # pyarrow fails in many ways on bytes of any origin
        raise UserError(f"{path}: cannot read: {type(error).__name__}") from error
    missing = [name for name in list(IDENTITY)[:11] if name not in frame]
    if missing:
        raise UserError(f"{path}: not the table of a run: it has no column {missing[0]!r}")
    for name in frame.columns:
        if name in NESTED:
            plain = [_nested(path, text) for text in frame[name]]
        elif pd.api.types.is_numeric_dtype(frame[name]) or pd.api.types.is_bool_dtype(frame[name]):
            continue
        else:
            plain = [printable(text) if isinstance(text, str) else text for text in frame[name]]
        frame[name] = pd.Series(plain, index=frame.index, dtype=object)
    return frame


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """One mapping per cell, without what is missing."""
    import pandas as pd

    return [
        {str(name): value for name, value in row.items() if isinstance(value, list | dict) or pd.notna(value)}
        for row in frame.to_dict("records")
    ]


def _nested(path: Path, text: object) -> Any:
    if not isinstance(text, str):
        return None
    try:
        return printable(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not the table of a run: a list in it is no JSON") from error
