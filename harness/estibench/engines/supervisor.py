"""A worker process under supervision: when it hangs, crashes or eats memory, that costs its cell and no other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from socket import socketpair
from typing import Any, BinaryIO

import psutil

from estibench.engines import messages
from estibench.engines.board import Board, Notice, new_file
from estibench.engines.contract import Context
from estibench.engines.nursery import threads_of
from estibench.engines.process import WorkerProcess, load_compiler, new_worker
from estibench.errors import UserError
from estibench.suite.plan import COMPILING, OF_THE_PROBLEM, Block, Measurement, Settings

STARTING = "starting"  # the step before the first that a worker posts
START_LIMIT = 600.0  # seconds in which it must have imported everything
LOG_TAIL = 16_384  # bytes of its log that explain a worker's death
LOG_LIMIT = 64 * 2**20  # bytes that a job may print
HARMLESS = ("ok", "unsupported", "not_finite")  # after other cells a worker is not reused
MEMORY_SHARE = 0.8  # of the machine's memory, for all workers together, where a suite sets no limit


@dataclass(frozen=True, eq=False)
class Job:
    """What a worker is asked for: the accuracy of one cell, or the times of several."""

    block: Block
    do: str
    cells: tuple[int, ...]
    kept: Path | None = None
    unfinished: Path | None = None


@dataclass(frozen=True)
class Death:
    """How a worker died, or was killed, at its job.

    Attributes:
        cell: on which it was working.
        step: what it was doing.
    """

    cell: int
    step: str
    status: str
    reason: str
    traceback: str


@dataclass(eq=False)
class Supervisor:
    """One worker process after another: a new one is started when a job comes and there is none."""

    name: str
    settings: Settings
    context: Context
    memory_limit: int
    job: Job | None = None
    connection: Connection | None = None
    _process: WorkerProcess | None = None
    _board: Board | None = None
    _ready: bool = False  # whether the worker has imported everything
    _was_ready: bool = False  # whether any has, so that workers can start at all
    _tainted: bool = False  # whether a failed cell may have left something behind in the process
    _resident: int = 0  # bytes of the worker when it was ready
    _order: dict[str, Any] = field(default_factory=dict)
    _begun: Notice | None = None  # the last notice that somebody was told of
    _log: BinaryIO | None = None  # kept open: a plugin may delete the file while its worker still writes to it
    _log_start: int = 0
    _oom_kills: int = 0

    @property
    def log(self) -> Path:
        """What the workers of this name print."""
        return self.context.logs / f"{self.name}.log"

    def start(self, job: Job) -> None:
        """Send a job to the worker."""
        gone = self._process is None or self._process.poll() is not None
        if gone or self._has_grown() or not self._log_is_there():
            self.stop()
            self._spawn()
        assert self._board is not None
        self.job = job
        self._log_start = self._write_log(f"{job.do} of {_described(job)}")
        self._oom_kills = _oom_kills()
        self._board.post(job.cells[0], STARTING)
        self._order = {
            "do": job.do,
            "cells": list(job.cells),
            "block": asdict(job.block),
            "settings": asdict(self.settings),
            "kept": str(job.kept) if job.kept else None,
            "unfinished": str(job.unfinished) if job.unfinished else None,
        }
        if self._ready:
            self._send_order()

    def begun(self) -> Notice | None:
        """What the worker has begun since this was last asked."""
        notice = self._notice()
        if notice is None or notice == self._begun:
            return None
        self._begun = notice
        return notice

    def look(self) -> Iterator[Measurement | Death | None]:
        """What has come of the job since the last look. None: it is done; a `Death`: it never will be.

        Raises:
            UserError: the worker does not even start.
        """
        assert self.connection is not None
        assert self.job is not None
        try:
            while self.connection.poll():
                header, _ = messages.unpack(message := self.connection.recv_bytes())
                if "ready" in header:
                    self._ready = self._was_ready = True
                    self._resident = self._uses()
                    self._send_order()
                elif "done" in header:
                    self.job = None
                    if header["compiler"]:
                        load_compiler()
                    if self._tainted:
                        self.stop()
                    yield None
                    return
                else:
                    found = messages.measurement_from_message(message, self.job.block)
                    self._tainted |= found.row.get("status", "ok") not in HARMLESS
                    yield found
        except (EOFError, OSError):
            yield self._death(*self._how_it_died())
            return
        except (ValueError, KeyError, TypeError):  # memory that a plugin has overwritten, perhaps
            yield self._death("crashed", "the worker sent what is no message")
            return
        if self._process is not None and self._process.poll() is not None and not self.connection.poll():
            yield self._death(*self._how_it_died())  # a child that it has forked may hold its connection open
            return
        beyond = self._beyond_limit()
        if beyond is not None:
            yield self._death(*beyond)

    def stop(self) -> None:
        """End the worker, whatever it does, and whatever it has started."""
        self._kill()
        if self.connection is not None:
            self.connection.close()
        if self._board is not None:
            self._board.close()
        if self._log is not None:
            self._log.close()
        self.connection = self._board = self.job = self._log = None

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
        self._process = None

    def _spawn(self) -> None:
        ours, theirs = socketpair()
        board = new_file()
        self._open_log()
        assert self._log is not None
        self._write_log("a new worker process")
        environment = dict(os.environ) | threads_of(self.settings.threads)
        self._process = new_worker(environment, theirs.fileno(), board, self._log)
        theirs.close()
        self.connection = Connection(ours.detach())
        self._board = Board(board)
        os.close(board)
        self._ready = self._tainted = False
        hello = {
            "plugins": list(self.context.plugins),
            "threads": self.settings.threads,
            "path": sys.path,
            "folder": _folder(),
            "environment": environment,
        }
        with suppress(OSError):
            messages.send(self.connection, hello)

    def _how_it_died(self) -> tuple[str, str]:
        """Status and reason of a worker that is gone, as far as the system knows."""
        assert self._process is not None
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "crashed", "the process closed its connection"
        if code >= 0:
            return "crashed", f"the process ended by itself, with exit code {code}"
        if -code == signal.SIGKILL and _oom_kills() > self._oom_kills:
            return "out_of_memory", "killed by the system, which ran out of memory"
        names = {one.value: one.name for one in signal.Signals}
        return "crashed", f"killed by {names.get(-code, f'signal {-code}')}"

    def _beyond_limit(self) -> tuple[str, str] | None:
        """Status and reason of a worker that must be killed."""
        notice = self._notice()
        if notice is None:
            return None
        limits = {STARTING: START_LIMIT} | dict.fromkeys((*OF_THE_PROBLEM, COMPILING), self.settings.problem_limit)
        limit = limits.get(notice.step, self.settings.time_limit)
        if time.monotonic() - notice.since > limit + grace(limit):
            return "timeout", f"{notice.step} took more than {limit:g} s"
        if (used := self._uses()) > self.memory_limit:
            most = self.memory_limit / 2**30
            return "out_of_memory", f"{notice.step} took {used / 2**30:.2f} GiB of memory, more than {most:.2f}"
        if self._log is not None and os.fstat(self._log.fileno()).st_size > self._log_start + LOG_LIMIT:
            return "crashed", f"{notice.step} printed more than {LOG_LIMIT // 2**20} MiB"
        return None

    def _death(self, status: str, reason: str) -> Death:
        """Bury the worker."""
        notice, job = self._notice(), self.job
        self._kill()
        since = f", {time.monotonic() - notice.since:.1f} s after it began" if notice else ""
        self._write_log(f"{status}: {reason}{since}")
        tail = self._log_tail()
        self.stop()
        if not self._was_ready:
            raise UserError(f"a worker process does not start: {reason}; its log is {self.log}")
        assert job is not None
        cell, step = (notice.cell, notice.step) if notice else (job.cells[0], STARTING)
        if step in OF_THE_PROBLEM and not reason.startswith(step):
            reason = f"{step}: {reason}"
        return Death(cell, step, status, reason, tail)

    def _send_order(self) -> None:
        """To a worker that listens, so that a long order does not block."""
        assert self.connection is not None
        with suppress(OSError):  # of a worker that has just died; `look` will find out
            messages.send(self.connection, self._order)

    def _has_grown(self) -> bool:
        """Whether an idle worker holds so much memory that the next cell might pay for it."""
        return self._uses() - self._resident > (self.memory_limit - self._resident) // 2

    def _notice(self) -> Notice | None:
        return self._board.look() if self._board is not None else None

    def _uses(self) -> int:
        """Resident bytes of the worker; 0 where it is gone."""
        try:
            pid = self._process.pid if self._process else None
            return int(psutil.Process(pid).memory_info().rss) if pid else 0
        except psutil.Error:
            return 0

    def _open_log(self) -> None:
        """Raises `UserError` where that cannot be."""
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            self._log = self.log.open("a+b", buffering=0)
        except OSError as error:
            raise UserError(f"{self.log}: cannot write: {error.strerror}; what was measured before is kept") from error

    def _log_is_there(self) -> bool:
        """Whether the log that the worker writes to is still the file of that name."""
        try:
            return self._log is not None and os.path.samestat(os.fstat(self._log.fileno()), self.log.stat())
        except OSError:
            return False

    def _write_log(self, line: str) -> int:
        """A heading in the log. Returns where the log goes on."""
        assert self._log is not None
        with suppress(OSError):  # on a full disk the store will say so
            self._log.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n".encode(errors="replace"))
        return self._log.seek(0, os.SEEK_END)

    def _log_tail(self) -> str:
        """What was printed since the job began, or the end of it."""
        assert self._log is not None
        end = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(self._log_start, end - LOG_TAIL))
        return self._log.read().decode("utf-8", "replace")


def grace(limit: float) -> float:
    """Seconds beyond a limit before a worker is killed: whoever keeps soft limits is given the time to."""
    return max(0.75, 0.1 * limit)


def memory_limit(settings: Settings, jobs: int) -> int:
    """Bytes that one of several workers may take."""
    if settings.memory_limit is not None:
        return settings.memory_limit
    total = psutil.virtual_memory().total
    with suppress(OSError, ValueError):  # of a container, where there is one
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return int(MEMORY_SHARE * total / jobs)


def _folder() -> str | None:
    """The working folder, where somebody has not removed it."""
    with suppress(FileNotFoundError):
        return os.getcwd()
    return None


def _described(job: Job) -> str:
    names = ", ".join(job.block.estimators[cell].label for cell in job.cells)
    return f"{job.block.problem.label} on {job.block.device}, {job.block.dtype}: {names}"


def _oom_kills() -> int:
    """How many processes the system has killed for want of memory since it started."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
