"""A process that has imported what every worker needs and forks itself: a new worker costs milliseconds, not seconds.

It is started with the first worker, or forked early off the command line; it serves all workers of this process, and
ends with it. Between two forks it does nothing: no plugin is loaded there, no accelerator touched, no thread started,
so that its copies begin like fresh processes. On Linux only: elsewhere system libraries do not survive a fork.
"""

from __future__ import annotations

import importlib
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import BinaryIO, NoReturn

import psutil

from estibench.engines.board import Board
from estibench.plain import from_json, to_json

PID = struct.Struct("<q")  # what a nursery answers at once
EXIT = struct.Struct("<i")  # and when the worker has ended: as of `Popen.returncode`
PATIENCE = 0.5  # seconds that a worker which is to be killed may take to be born
FORK, COMPILER, END = b"fork", b"compiler", b"end"  # orders
READ_LATE = ("COLUMNS", "ESTIBENCH_", "LINES", "NO_COLOR", "PYTEST_")  # names that no library reads as it loads


@dataclass(eq=False)
class Forked:
    """A worker that a nursery has forked, or is about to; used like a `subprocess.Popen`.

    Attributes:
        returncode: None while it lives; negative where a signal ended it.
    """

    nursery: psutil.Process
    _answers: socket.socket
    _pid: int | None = None
    returncode: int | None = None

    @property
    def pid(self) -> int | None:
        """None until it is born, which may take as long as the nursery's imports."""
        return self._born(0.0)

    def poll(self) -> int | None:
        """Its exit code, or None while it lives."""
        return self._look(0.0)

    def wait(self, timeout: float) -> int:
        """Its exit code. Raises `subprocess.TimeoutExpired` where it lives longer than that, in seconds."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired("worker", timeout)
        return code

    def kill(self) -> None:
        """End it and all that it has started. One that is not born yet leaves by itself, as nobody talks to it."""
        pid = self._born(PATIENCE)
        if pid is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            self._look(PATIENCE)
        self._answers.close()

    def _born(self, timeout: float) -> int | None:
        """Its number, where it has one within so many seconds."""
        if self._pid is None and self.returncode is None:
            self._pid = self._read(PID, timeout)
        return self._pid

    def _look(self, timeout: float) -> int | None:
        deadline = time.monotonic() + timeout
        if self._born(timeout) is not None and self.returncode is None:
            code = self._read(EXIT, max(0.0, deadline - time.monotonic()))
            self.returncode = self.returncode if code is None else code
        return self.returncode

    def _read(self, what: struct.Struct, timeout: float) -> int | None:
        """A number from the nursery, or None where there is none yet. Is the nursery gone, so is its worker."""
        if not select.select([self._answers], [], [], timeout)[0]:
            return None
        data = self._answers.recv(what.size)
        if data:
            return int(what.unpack(data)[0])
        code = None
        if self._pid is None:
            with suppress(subprocess.TimeoutExpired, psutil.Error):
                code = self.nursery.wait(timeout=5)
        self.returncode = -signal.SIGKILL if code is None else code  # its worker has asked for that
        return None


@dataclass(eq=False)
class Nursery:
    """A running nursery.

    Attributes:
        process: the nursery's own.
        environment: what its libraries may have read as they loaded.
        owner: the number of the process that it serves.
    """

    process: psutil.Process
    environment: dict[str, str]
    _orders: socket.socket
    owner: int = field(default_factory=os.getpid)
    has_compiler: bool = False

    def __post_init__(self) -> None:
        self._orders.send(to_json(sys.path).encode())

    def fork(self, connection: int, board: int, log: BinaryIO) -> Forked:
        """A worker with these descriptors. Raises `OSError` where the nursery is gone."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            socket.send_fds(self._orders, [FORK], [connection, board, log.fileno(), theirs.fileno()])
        return Forked(self.process, ours)

    def load_compiler(self) -> None:
        """Let it import torch's compiler, if it has not."""
        if not self.has_compiler:
            self.has_compiler = True
            with suppress(OSError):
                self._orders.send(COMPILER)

    def retire(self) -> None:
        """Let it end with the last of its workers."""
        with suppress(OSError):
            self._orders.send(END)


_current: Nursery | None = None
_former: list[Nursery] = []
_lock = threading.Lock()


def fork(environment: dict[str, str], connection: int, board: int, log: BinaryIO) -> Forked | None:
    """A worker from this process's nursery; a nursery of another environment makes place for a new one.

    Returns None where there can be none, and the caller must start a worker from nothing.
    """
    if not sys.platform.startswith("linux"):
        return None
    environment = _read_early(environment)
    with _lock:
        try:
            return _nursery(environment, log).fork(connection, board, log)
        except OSError:  # somebody has killed it
            return _nursery(environment, log, renew=True).fork(connection, board, log)


def load_compiler() -> None:
    """Have the nursery of this process load torch's compiler, which a worker of it has found that it needs."""
    with _lock:
        if _current is not None and _current.owner == os.getpid():
            _current.load_compiler()


def here() -> None:
    """Make a fork of this process its nursery, so that torch is imported once for both. For the command line, early.

    Does nothing where others may have left behind what does not survive a fork: their modules, or threads.
    """
    global _current  # noqa: PLW0603
    if not sys.platform.startswith("linux") or _current is not None or {"numpy", "torch"} & sys.modules.keys():
        return
    os.environ.update(threads_of(1))

    from estibench.engines.worker import load

    load()
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        return
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        ours.close()
        _be_nursery(theirs)
    theirs.close()
    _current = Nursery(psutil.Process(pid), _read_early(dict(os.environ)), ours)


def threads_of(number: int) -> dict[str, str]:
    """The environment in which numerical libraries start so many threads."""
    return {f"{name}_NUM_THREADS": str(number) for name in ("OMP", "OPENBLAS", "MKL")}


def _read_early(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(READ_LATE)}


def _nursery(environment: dict[str, str], log: BinaryIO, renew: bool = False) -> Nursery:
    global _current  # noqa: PLW0603
    one = _current
    if one is None or renew or one.environment != environment or one.owner != os.getpid():
        if one is not None and one.owner == os.getpid():
            one.retire()
            _former.append(one)
        _former[:] = [each for each in _former if each.process.is_running()]
        _current = one = _started(environment, log)
    return one


def _started(environment: dict[str, str], log: BinaryIO) -> Nursery:
    """A nursery from nothing. The log takes what goes wrong as it starts."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = psutil.Popen(
            [sys.executable, "-P", "-m", "estibench.engines.nursery", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
            env=environment,
        )
    return Nursery(process, environment, ours)


def _be_nursery(orders: socket.socket) -> NoReturn:
    """What is left to do in a fork of the command line."""
    code = 1
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        null = os.open(os.devnull, os.O_RDWR)
        for std in (0, 1, 2):
            os.dup2(null, std)
        serve(orders)
        code = 0
    finally:
        os._exit(code)


def serve(orders: socket.socket) -> None:
    """Fork a worker for every order, and tell when it has ended, until nobody is left to give orders."""
    from estibench.engines.worker import load, warm_up
    from estibench.measure import compiler

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to handle
    sys.path[:] = from_json(orders.recv(2**20).decode())
    load()
    warm_up()
    woken, wake = socket.socketpair()
    for end in (woken, wake):
        end.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    answers: dict[int, socket.socket] = {}
    retired = False
    while answers or not retired:
        ready = select.select([orders, woken], [], [])[0]
        if woken in ready:
            woken.recv(4096)
            _bury(answers)
        if orders in ready:
            word, fds, _, _ = socket.recv_fds(orders, 16, 4)
            if not word:
                return  # and the system kills the workers: they have asked for it
            retired |= word == END
            if word == COMPILER:
                importlib.import_module(compiler.NAME)
            if word == FORK:
                connection, board, log, status = fds
                answer = socket.socket(fileno=status)
                pid = _fork(connection, board, log, (orders, woken, wake, answer, *answers.values()))
                answers[pid] = answer
                with suppress(OSError):
                    answer.send(PID.pack(pid))


def _fork(connection: int, board: int, log: int, foreign: Sequence[socket.socket]) -> int:
    """A new worker's number; in the worker itself this never returns."""
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for one in foreign:
            one.close()
        _work(connection, board, log, parent)
    for fd in (connection, board, log):
        os.close(fd)
    return pid


def _bury(answers: dict[int, socket.socket]) -> None:
    while answers:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with answers.pop(pid) as answer, suppress(OSError):
            answer.send(EXIT.pack(os.waitstatus_to_exitcode(status)))


def _work(connection: int, board: int, log: int, parent: int) -> NoReturn:
    """Be a worker, and end as a process of its own would."""
    from estibench.engines import worker

    code = 1
    try:
        os.setsid()
        for std in (1, 2):
            os.dup2(log, std)
        os.close(log)
        shared = Board(board)
        os.close(board)
        worker.main(Connection(connection), shared, parent)
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:  # whatever a plugin raises
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code & 0xFF)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
