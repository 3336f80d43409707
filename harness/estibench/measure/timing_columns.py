"""The columns of the table that stopwatches give."""

from __future__ import annotations

import math
import platform

from estibench.measure.clock import bound_by
from estibench.measure.metrics import Row, columns
from estibench.measure.timing import Stopwatch, median_interval, ratio_interval, spread
from estibench.suite.plan import Settings


def times(watch: Stopwatch, baseline: Stopwatch | None, settings: Settings, kernels: float | None = None) -> Row:
    """Times of one cell, and their ratio to the baseline's where the block has one.

    Args:
        kernels: seconds in which an accelerator worked on one call, where that is known.
    """
    known = [wall for wall in watch.wall if not math.isnan(wall)]
    time = median_interval(watch.wall, settings.confidence)
    row: Row = {
        **columns({"time": time}),
        "time_cpu": median_interval(watch.cpu, settings.confidence).value,
        "time_spread": spread(watch.wall),
        "time_rounds": len(known),
        "time_loops": watch.loops,
        "time_samples": known,
        "time_cache": "warm" if watch.flush is None else "cold",
        "time_kernels": kernels,
        "bound": bound_by(kernels, time.value),
        "threads": settings.threads,
        "time_host": platform.node(),
    }
    if baseline is not None and baseline.error is None:
        ratio, p_value = ratio_interval(watch, baseline, settings.confidence)
        row |= columns({"time_ratio": ratio}) | {"time_ratio_p_value": p_value}
    return row
