"""A plugin that turns the supervisor's clock: it is a year later while a faulty cell says that it hangs.

So a test of limits waits for none of them, and a cell that is merely slow, on a busy machine, comes near none.
For one worker (`--jobs 1`): the year passes for all of them.
"""

import os
import time
from pathlib import Path
from types import SimpleNamespace

import psutil

from estibench import hookimpl

YEAR = 365 * 24 * 3600.0


@hookimpl
def bench_run_started():
    from estibench.engines import supervisor

    place, known = Path(os.environ["FAULTS_HANG"]), {}

    def someone_hangs():
        try:
            number = int(place.read_text())
            return known.setdefault(number, psutil.Process(number)).is_running()
        except (OSError, ValueError, psutil.Error):  # nobody yet, or killed meanwhile
            return False

    supervisor.time = SimpleNamespace(
        monotonic=lambda: time.monotonic() + YEAR * someone_hangs(), strftime=time.strftime
    )
