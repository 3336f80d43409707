"""The columns of the table that stopwatches give."""

from __future__ import annotations

import math
import platform

from estibench.measure.metrics import Row, columns
from estibench.measure.timing import Stopwatch, median_interval, ratio_interval, spread
from estibench.suite.plan import Settings


def times(watch: Stopwatch, baseline: Stopwatch | None, settings: Settings) -> Row:
    """Times of one cell, and their ratio to the baseline's where the block has one."""
    known = [wall for wall in watch.wall if not math.isnan(wall)]
    row: Row = {
        **columns({"time": median_interval(watch.wall, settings.confidence)}),
        "time_cpu": median_interval(watch.cpu, settings.confidence).value,
        "time_spread": spread(watch.wall),
        "time_rounds": len(known),
        "time_loops": watch.loops,
        "time_samples": known,
        "threads": settings.threads,
        "time_host": platform.node(),
    }
    if baseline is not None and baseline.error is None:
        ratio, p_value = ratio_interval(watch, baseline, settings.confidence)
        row |= columns({"time_ratio": ratio}) | {"time_ratio_p_value": p_value}
    return row
