"""A worker's process: forked by the nursery where there can be one, else started from nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import BinaryIO, Protocol

from estibench.engines import nursery


class WorkerProcess(Protocol):
    """What a supervisor needs of it."""

    @property
    def pid(self) -> int | None:
        """None where it is not born yet."""

    def poll(self) -> int | None:
        """Its exit code, negative where a signal ended it; None while it lives."""

    def wait(self, timeout: float) -> int:
        """Its exit code. Raises `subprocess.TimeoutExpired` where it lives longer than that, in seconds."""

    def kill(self) -> None:
        """End it and all that it has started."""


def new_worker(environment: dict[str, str], connection: int, board: int, log: BinaryIO) -> WorkerProcess:
    """A worker that reads its orders from one inherited descriptor and writes on the board of another."""
    return nursery.fork(environment, connection, board, log) or _Spawned(environment, connection, board, log)


def load_compiler() -> None:
    """Later workers are forked with torch's compiler, which a worker has found that it needs."""
    nursery.load_compiler()


class _Spawned:
    def __init__(self, environment: dict[str, str], connection: int, board: int, log: BinaryIO) -> None:
        command = [sys.executable, "-P", "-m", "estibench.engines.worker"]
        self._process = subprocess.Popen(
            [*command, str(connection), str(board), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(connection, board),
            start_new_session=True,
            env=environment,
        )
        self.pid = self._process.pid
        self.poll = self._process.poll
        self.wait = self._process.wait

    def kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
