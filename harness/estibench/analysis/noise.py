"""Was the machine quiet while it timed? Judged by how much the rounds of one and the same call differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

NOISY = 0.15
PREEMPTED = 1.2


def typical_spread(frame: pd.DataFrame) -> float | None:
    """Median over the timed cells of the rounds' interquartile range over their median; None if nothing was timed."""
    import pandas as pd

    if "time_spread" not in frame:
        return None
    spreads = pd.to_numeric(frame["time_spread"], errors="coerce").dropna()
    return None if spreads.empty else float(spreads.median())


def noise_warning(frame: pd.DataFrame) -> str | None:
    """A sentence where the typical cell's rounds differ by more than 15 %, with a reason; None on a quiet machine.

    Wall time well above CPU time says that other programs had the processor. Ratios stay valid under noise, since they
    are paired by round, but grow uncertain; absolute times do not.
    """
    spread = typical_spread(frame)
    if spread is None or spread <= NOISY:
        return None
    on_cpu = frame[frame["device"] == "cpu"]
    waiting = float((on_cpu["time"] / on_cpu["time_cpu"]).median()) if "time_cpu" in on_cpu else 1.0
    why = f"; calls took {waiting:.1f} × their CPU time, so others had the processor" if waiting > PREEMPTED else ""
    return (
        f"noisy machine: rounds of the same call differed by {100 * spread:.0f} % in a typical cell{why}; "
        "rely on ratios to the baseline, not on absolute times, or run again on a quiet machine"
    )
