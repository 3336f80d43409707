"""A plugin that holds a run where its store has HOLD_AT records: whoever watches may take their time.

With HOLD_TORN half a record more is written first, as by a kill in the midst of writing.
"""

import os
import signal

from estibench import hookimpl
from estibench.results.store import Store


@hookimpl
def bench_run_started():
    append = Store.append

    def append_and_hold(self, *records):
        sums = append(self, *records)
        if len(self.read()[0]) >= int(os.environ["HOLD_AT"]):
            if "HOLD_TORN" in os.environ:
                with self.path.open("ab") as file:
                    file.write(self.path.read_bytes()[:100])
            (self.path.parent / "held").touch()
            signal.alarm(3600)  # or it would outlive a test that was killed
            while True:
                signal.pause()
        return sums

    Store.append = append_and_hold
