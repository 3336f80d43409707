"""What the dask engine runs on the workers of a cluster: tasks that hand blocks to a supervised process beside them."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from distributed import WorkerPlugin, get_worker
from filelock import FileLock

from estibench import host as plugin_host
from estibench.engines import messages
from estibench.engines.contract import Context
from estibench.engines.local import supervise
from estibench.engines.supervisor import Supervisor, memory_limit
from estibench.errors import UserError
from estibench.host.components import canonical
from estibench.keys import Keys
from estibench.keys.machine import ANY_OF, kind_of
from estibench.suite.plan import Block, Settings, Work

LOG_MOST = 2**16  # bytes of the log that go home with a block


class Supervisors(WorkerPlugin):
    """The supervised processes of one dask worker, kept from task to task.

    Args:
        plugins: options with which their hosts start.
        neighbours: workers on one host, which share its memory.
    """

    def __init__(self, name: str, plugins: tuple[str, ...], neighbours: int) -> None:
        self.name = name
        self._plugins = plugins
        self._neighbours = neighbours
        self._closed = False
        self._idle: list[Supervisor] = []
        self._keys: dict[tuple[Settings, str], Keys] = {}  # sources and distributions are read once

    def setup(self, worker: Any) -> None:
        """Called on every worker that the plugin comes to."""
        plugin_host.start(self._plugins)

    def teardown(self, worker: Any) -> None:
        """Called when the run or the worker ends."""
        self._closed = True
        for supervisor in self._idle:
            _end(supervisor)

    def check_keys(self, block: Block, settings: Settings, wanted: dict[int, str], kinds: Mapping[str, str]) -> None:
        """Raises `UserError` where this machine would not measure what the other end expects.

        Args:
            wanted: the keys that cells must have here too.
            kinds: of processors that the keys speak of, by device.
        """
        here = kind_of(block.device)
        if here not in kinds.get(block.device, here).split(ANY_OF):
            raise UserError(
                f"{platform.node()}: this worker has come later and its processor is of another kind ({here}) than the "
                f"cluster had when the run began ({kinds[block.device]}); start the run again, or send it away"
            )
        name = settings, canonical(dict(kinds))
        if name not in self._keys:
            self._keys[name] = Keys(plugin_host.current(), settings, kinds)
        keys = self._keys[name]
        if any(keys.of(block.cells[cell]) != key for cell, key in wanted.items()):
            raise UserError(
                f"{platform.node()}: this worker has other distributions, another Python or other plugin sources than "
                "the machine that runs the suite; install the same there"
            )

    def measure(self, work: Work, settings: Settings) -> list[bytes]:
        """Everything about some work, by an idle process or a new one: messages of measurements, then of the log."""
        if self._idle and self._idle[-1].settings == settings:
            supervisor = self._idle.pop()
        else:
            context = Context(Path(tempfile.mkdtemp(prefix="estibench-")), self._plugins)
            supervisor = Supervisor(platform.node(), settings, context, memory_limit(settings, self._neighbours))
        with suppress(OSError):  # a plugin may have deleted it; then it is made anew
            os.truncate(supervisor.log, 0)
        try:
            found = [messages.measurement_to_message(one) for one in supervise([work], [supervisor])]
            return [*found, messages.pack({"log": supervisor.log.name}, _end_of(supervisor.log))]
        finally:
            if self._closed:
                _end(supervisor)
            else:
                self._idle.append(supervisor)


def measure_there(plugin: str, order: dict[str, Any], kept: dict[int, bytes], timing: bool) -> list[bytes]:
    """The task: measure a block on the worker that this runs on. Messages of measurements.

    Args:
        order: block, settings, missing and known cells, the keys that they must have here too, and the kinds of
            processors in them.
        kept: draws to begin with, by cell.
        timing: whether this is about times, which are measured while no other task of this user times on the host.
    """
    supervisors = get_worker().plugins[plugin]
    assert isinstance(supervisors, Supervisors)
    block, settings = messages.block_from_plain(order["block"]), Settings(**order["settings"])
    supervisors.check_keys(block, settings, order["keys"], order["kinds"])
    timed = () if timing else tuple(range(len(block.cells)))
    alone = FileLock(Path(tempfile.gettempdir(), f"estibench-timing-{os.getuid()}.lock")) if timing else nullcontext()
    with tempfile.TemporaryDirectory() as folder, alone:
        paths = {cell: Path(folder, str(cell)) for cell in kept}
        for cell, path in paths.items():
            path.write_bytes(kept[cell])
        work = Work(block, tuple(order["missing"]), tuple(order["known"]), timed, paths)
        return supervisors.measure(work, settings)


def _end_of(log: Path) -> bytes:
    """What goes home of a log; a plugin may have deleted it."""
    return log.read_bytes()[-LOG_MOST:] if log.is_file() else b""


def _end(supervisor: Supervisor) -> None:
    supervisor.stop()
    shutil.rmtree(supervisor.context.logs, ignore_errors=True)
