"""What kind of cell a row is: a reference out of competition, or one whose error is no more than rounding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def is_reference(frame: pd.DataFrame) -> pd.Series[bool]:
    """Which cells are deterministic: they measure what the answer costs, and win any contest of errors."""
    return _stopped(frame) == "deterministic"


def at_rounding(frame: pd.DataFrame) -> pd.Series[bool]:
    """Which cells err by no more than rounding: among them, smaller errors mean nothing."""
    import pandas as pd

    found = _stopped(frame) == "rounding"
    if {"rmse", "rounding"} <= {*frame.columns}:
        found |= pd.to_numeric(frame["rmse"]) <= pd.to_numeric(frame["rounding"])
    return found


def _stopped(frame: pd.DataFrame) -> pd.Series[Any]:
    import pandas as pd

    return frame["stopped"] if "stopped" in frame else pd.Series(None, index=frame.index, dtype=object)
