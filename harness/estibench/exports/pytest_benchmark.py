"""The times of a run as pytest-benchmark's JSON, so that `pytest-benchmark compare` reads them beside anyone's.

Every number is computed from the wall times of the timed rounds, one per round as pytest-benchmark keeps them too, by
its own definitions; a round's time is the mean of its calls (`iterations`). Cells without times are left out.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estibench.columns import BLOCK, WITH_INTERVAL, is_counted
from estibench.results.files import write_whole

if TYPE_CHECKING:
    from estibench.results.run_directory import Results

FILE = "pytest_benchmark.json"
VERSION = "5.0.0"  # of the format: pytest-benchmark's release that brought it


def export(results: Results) -> list[Path]:
    """Writes `pytest_benchmark.json`, or nothing for a run without times."""
    found = [_benchmark(row) for row in results.rows if row.get("status") == "ok" and row.get("time_samples")]
    if not found:
        return []
    machine = results.about.get("machine", {})
    content = {
        "machine_info": {
            "node": results.about.get("host", ""),
            "system": machine.get("system", ""),
            "python_version": machine.get("python", ""),
            "cpu": {"brand_raw": machine.get("processor", ""), "count": machine.get("cores")},
            "torch": machine.get("torch", ""),
        },
        "commit_info": _commit(results.about),
        "benchmarks": found,
        "datetime": results.about.get("started", ""),
        "version": VERSION,
    }
    path = results.directory / FILE
    write_whole(path, json.dumps(content, indent=1, allow_nan=False) + "\n")
    return [path]


def _benchmark(row: Mapping[str, Any]) -> dict[str, Any]:
    """One cell. Its block is the group: only times of one block compare."""
    group = ", ".join(str(row[name]) for name in BLOCK)
    parameters = {name: row[name] for name in ("problem", "estimator", "device", "dtype")}
    return {
        "group": group,
        "name": row["estimator"],
        "fullname": f"{group}::{row['estimator']}",
        "params": parameters,
        "param": row["estimator"],
        "extra_info": extra_info(row),
        "options": {"min_rounds": row["time_rounds"], "disable_gc": True, "timer": "perf_counter", "warmup": True},
        "stats": {**stats(row["time_samples"]), "iterations": row["time_loops"]},
    }


def stats(times: Sequence[float]) -> dict[str, Any]:
    """pytest-benchmark's statistics of the rounds' seconds, by its definitions."""
    ordered = sorted(times)
    n, mean = len(ordered), statistics.fmean(ordered)
    deviation = statistics.stdev(ordered) if n > 1 else 0.0
    median = statistics.median(ordered)
    q1, q3 = _quartiles(ordered)
    lower, upper = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    mild = sum(time < lower or time > upper for time in ordered)
    far = sum(abs(time - mean) > deviation for time in ordered)
    return {
        "min": ordered[0],
        "max": ordered[-1],
        "mean": mean,
        "stddev": deviation,
        "rounds": n,
        "median": median,
        "iqr": q3 - q1,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": mild,
        "stddev_outliers": far,
        "outliers": f"{far};{mild}",
        "ld15iqr": next(time for time in ordered if time >= lower),
        "hd15iqr": next(time for time in reversed(ordered) if time <= upper),
        "ops": 1 / mean if mean else 0.0,
        "total": math.fsum(ordered),
        "data": list(times),
    }


def extra_info(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a row says beyond times, where it is a finite number: errors with their bounds, and counted work."""
    quantities = [name for name in WITH_INTERVAL if not name.startswith(("time", "mse_time"))]
    wanted = [f"{name}{side}" for name in quantities for side in ("", "_low", "_high")]
    names = [name for name in row if name in {*wanted, "draws"} or is_counted(name)]
    numbers = {name: row[name] for name in names if isinstance(row[name], (int, float))}
    return {name: number for name, number in numbers.items() if math.isfinite(number)}


def _quartiles(ordered: Sequence[float]) -> tuple[float, float]:
    """Medians of the lower and the upper half: for odd numbers the mean of those with and without the middle value."""
    n = len(ordered)
    halves = [half for half in {n // 2, (n + 1) // 2} if half]
    lower = statistics.fmean(statistics.median(ordered[:half]) for half in halves)
    upper = statistics.fmean(statistics.median(ordered[n - half :]) for half in halves)
    return lower, upper


def _commit(about: Mapping[str, Any]) -> dict[str, Any]:
    text = about.get("commit") or ""
    started = about.get("started") or ""
    when = datetime.fromisoformat(started).isoformat() if started else ""
    return {"id": text.removesuffix("+changes"), "dirty": text.endswith("+changes"), "time": when, "branch": ""}
