"""What kind of cell a row is: who competes, a reference, an error of mere rounding, a claim too many."""

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


def competes(frame: pd.DataFrame) -> pd.Series[bool]:
    """Which cells compete, wherever a winner is picked: the measured ones that ask something of their problem.

    What asks nothing, as exact samples do, is a floor: what perfection has, out of competition. A training run always
    asks, whether it counts what or not. References compete; where they may win is each contest's own affair.
    """
    import pandas as pd

    found = frame["status"] == "ok" if "status" in frame else pd.Series(True, index=frame.index)
    if "work" in frame:
        free = pd.to_numeric(frame["work"]) == 0
        found &= ~(free & frame["curve"].isna() if "curve" in frame else free)
    return found


def is_refuted(frame: pd.DataFrame) -> pd.Series[bool]:
    """Of which cells a claim was refuted: wherever such a one wins, this must be said."""
    import pandas as pd

    if "claims_refuted" not in frame:
        return pd.Series(False, index=frame.index)
    return pd.to_numeric(frame["claims_refuted"]) > 0


def _stopped(frame: pd.DataFrame) -> pd.Series[Any]:
    import pandas as pd

    return frame["stopped"] if "stopped" in frame else pd.Series(None, index=frame.index, dtype=object)
