"""What kind of cell a row is: a reference, one whose error is no more than rounding, or one that claims too much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def is_reference(frame: pd.DataFrame) -> pd.Series[bool]:
    """Which cells are deterministic: they measure what the answer costs, and win where it is affordable."""
    return _stopped(frame) == "deterministic"


def is_deterministic(row: Mapping[Any, Any]) -> bool:
    """The same of one row."""
    return row.get("stopped") == "deterministic"


def at_rounding(frame: pd.DataFrame) -> pd.Series[bool]:
    """Which cells err by no more than rounding: among them, smaller errors mean nothing."""
    import pandas as pd

    found = _stopped(frame) == "rounding"
    if {"rmse", "rounding"} <= {*frame.columns}:
        found |= pd.to_numeric(frame["rmse"]) <= pd.to_numeric(frame["rounding"])
    return found


def is_floor(frame: pd.DataFrame) -> pd.Series[bool]:
    """Which cells ask nothing of the problem, as exact samples do: what perfection has, out of competition."""
    import pandas as pd

    if "work" not in frame:
        return pd.Series(False, index=frame.index)
    return pd.to_numeric(frame["work"]) == 0


def is_refuted(frame: pd.DataFrame) -> pd.Series[bool]:
    """Of which cells a claim was refuted: wherever such a one wins, this must be said."""
    import pandas as pd

    if "claims_refuted" not in frame:
        return pd.Series(False, index=frame.index)
    return pd.to_numeric(frame["claims_refuted"]) > 0


def _stopped(frame: pd.DataFrame) -> pd.Series[Any]:
    import pandas as pd

    return frame["stopped"] if "stopped" in frame else pd.Series(None, index=frame.index, dtype=object)
