"""A worker process: measures what its supervisor asks for, cell by cell, until there is nothing more to read.

Forked by a nursery, or started as `python -m estibench.engines.worker CONNECTION BOARD PARENT`: two inherited file
descriptors, and the number of the process that it must not survive. What plugins print goes to stdout and stderr,
which the supervisor has turned into a log.
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from estibench.engines import messages
from estibench.engines.board import Board


def main(connection: Connection, board: Board, parent: int) -> None:
    """Serve until the supervisor hangs up."""
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to handle
    _die_with(parent)
    hello = messages.receive(connection)
    if hello["folder"]:
        os.chdir(hello["folder"])
    os.environ.clear()
    os.environ.update(hello["environment"])
    sys.path[:] = hello["path"]
    importlib.invalidate_caches()
    load()
    warm_up()

    import torch

    from estibench import host as plugin_host
    from estibench.measure import compiler

    torch.set_num_threads(hello["threads"])
    plugin_host.start(hello["plugins"])
    messages.send(connection, {"ready": True})
    worker = _Worker(connection, board)
    while True:
        try:
            order = messages.receive(connection)
        except EOFError:
            return
        worker.do(order)
        messages.send(connection, {"done": True, "compiler": compiler.is_loaded()})
        sys.stdout.flush()
        sys.stderr.flush()


class _Worker:
    """Keeps the last block's bench: its problem serves all cells of the block."""

    def __init__(self, connection: Connection, board: Board) -> None:
        self._connection = connection
        self._board = board
        self._block: dict[str, Any] = {}
        self._bench: Any = None

    def do(self, order: dict[str, Any]) -> None:
        """One order: the accuracy of a cell, or the times of several."""
        from estibench.measure import Bench
        from estibench.measure.kept import read_kept
        from estibench.suite import Settings

        if self._bench is None or order["block"] != self._block:
            self._bench = None  # the last problem's memory is needed
            self._block = order["block"]
            settings = Settings(**order["settings"])
            self._bench = Bench(messages.block_from_plain(self._block), settings, self._board.post)
        if order["do"] == "accuracy":
            kept, unfinished = (Path(path) if path else None for path in (order["kept"], order["unfinished"]))
            found = self._bench.accuracy(order["cells"][0], read_kept(kept), unfinished=unfinished)
            self._connection.send_bytes(messages.measurement_to_message(found))
        else:
            for found in self._bench.times(order["cells"]):
                self._connection.send_bytes(messages.measurement_to_message(found))


def load() -> None:
    """Import what every worker needs."""
    from estibench.measure import Bench, kept  # noqa: F401


def warm_up() -> None:
    """Import what torch imports on first use, or the first cell would pay for it; its compiler is another matter."""
    import torch

    from estibench.measure.work import measure_work

    ones = torch.ones(2, requires_grad=True)
    measure_work(lambda: torch.func.vmap(lambda x: x.square().sum())(ones[:, None]).sum().backward(), "cpu")


def _die_with(parent: int) -> None:
    """On Linux, ask for SIGKILL when the parent dies, however it dies. Elsewhere the connection's end must do."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    with suppress(OSError):  # when memory is short, let it be the worker and not its supervisor
        Path("/proc/self/oom_score_adj").write_text("1000")

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:  # it died before we could ask
        os._exit(1)


if __name__ == "__main__":
    main(Connection(int(sys.argv[1])), Board(int(sys.argv[2])), int(sys.argv[3]))
