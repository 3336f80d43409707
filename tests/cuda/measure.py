"""Measures a suite on a device for so many seconds, and writes its table: `measure.py SUITE DEVICE DIRECTORY`.

At its end stand what bounds the calls, where compiled graphs end, and from which dimension the exact method is slower.
What the directory holds is not measured again. Exit code 0 when every cell is known and none has failed, 1 when some
failed, 3 when the time was over first. The seconds are in the environment variable ESTIBENCH_SECONDS.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections import Counter
from pathlib import Path

from estibench import host as plugin_host
from estibench.exports.table_files import export_parquet
from estibench.exports.turns import turns
from estibench.results import Results
from estibench.runs import session
from estibench.suite import read_suite


class TimeIsOver(BaseException):
    """Raised by the alarm, wherever the run is: its cells are on the disk one by one."""


def _over(number: int, frame: object) -> None:
    raise TimeIsOver


def main(suite: Path, device: str, directory: Path) -> int:
    """Measure, then write the table of whatever there is."""
    host = plugin_host.start()
    plan = read_suite(suite, host, device)
    over = False
    signal.signal(signal.SIGALRM, _over)
    signal.signal(signal.SIGINT, _over)
    signal.alarm(max(1, int(os.environ.get("ESTIBENCH_SECONDS", "3600")) - 2))
    try:
        with session.opened(host, plan, directory, session.make_engine(host, "local", {}), retry=True) as running:
            for news in running.execute(warnings.warn):
                cell, row = news.cell, news.row
                print(f"{row['status']:12} {cell.problem.label}: {cell.estimator.label} {row['reason']}", flush=True)
    except TimeIsOver:
        over = True
    signal.alarm(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    results = Results.read(directory)
    export_parquet(results)
    counts = Counter(row["status"] for row in results.rows)
    print(f"{len(results.rows)} of {plan.cells} cells: {dict(counts)}")
    for row in results.rows:
        if row.get("bound") or row.get("compile_note"):
            share = "kernels {time_kernels:.2g} of {time:.2g} s".format_map(row) if row.get("bound") else ""
            said = [f"bound by {row['bound']}, {share}"] if share else []
            said += filter(None, [row.get("compile_note")])
            print(f"{row['problem']}: {row['estimator']} [{row['dtype']}]: {'; '.join(said)}")
    for turn in turns(results.frame, "time", ("exact", "hutchinson"), results.confidence):
        print(f"{turn.problem} [{turn.device}, {turn.dtype}]: {turn.text}")
    for row in results.rows:
        if row["status"] not in ("ok", "unsupported"):
            print(f"FAILED {row['problem']}::{row['estimator']}: {row['status']}: {row['reason']}")
    return 3 if over else int(bool(set(counts) - {"ok", "unsupported"}))


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])))
