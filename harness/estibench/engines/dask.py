"""The dask engine: blocks as tasks on a `dask.distributed` cluster, each measured by a supervised process there."""

from __future__ import annotations

import importlib.util
import itertools
import logging
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from estibench import host as plugin_host
from estibench.contracts.parameters import PositiveInt
from estibench.engines import messages
from estibench.engines.contract import Context, Engine
from estibench.engines.supervisor import START_LIMIT
from estibench.errors import UserError
from estibench.keys import Keys
from estibench.keys.machine import ANY_OF, kinds_of
from estibench.measure.kept import read_kept
from estibench.suite.plan import Measurement, Settings, Work

if TYPE_CHECKING:
    from distributed import Client, Future

TIMING = {"timing": 1}  # the resource that a worker must offer to time blocks: one worker per host
WAITING = 4  # tasks sent ahead, per thread of the cluster: more would only fill the scheduler's memory
FIRST_WORKER = 60  # seconds in which a running cluster must have a worker
LOST = 3  # lost workers that a block may cost, in a cluster that we start, before its cells count as crashed
LOOPBACK = "127.0.0.1"
HIDDEN = {"dashboard": False, "dashboard_address": f"{LOOPBACK}:0"}


@dataclass(frozen=True)
class DaskEngine(Engine):
    """For users who outgrow one machine. Accuracy everywhere at once; then timing, one block per host at a time.

    A block whose worker is lost goes to another one; when that has happened too often, its cells are `crashed`.
    Every machine must have the same plugins and distributions: a task that finds others refuses.

    Options:
        scheduler: address of a running scheduler, `tcp://host:8786`; without one, a cluster on this machine, bound to
            the loopback interface, without a dashboard.
        jobs: worker processes of that cluster.
    """

    scheduler: str = ""
    jobs: PositiveInt = 1

    def kinds(self, devices: Sequence[str]) -> Mapping[str, str] | None:
        """Those of the workers that a running cluster has; a worker of another kind that comes later refuses."""
        if not self.scheduler:
            return None
        _check_installed()
        with _client(self.scheduler, self.jobs) as client:
            try:
                client.wait_for_workers(1, timeout=FIRST_WORKER)
            except TimeoutError:
                raise UserError(f"the cluster at {self.scheduler} has no worker") from None
            found = client.run(kinds_of, devices).values()
        return {device: ANY_OF.join(sorted({kinds[device] for kinds in found})) for device in devices}

    def run(self, works: Iterable[Work], settings: Settings, context: Context) -> Iterator[Measurement]:
        _check_installed()
        with _client(self.scheduler, self.jobs) as client, _registered(client, context.plugins) as name:
            cluster = _Cluster(client, name, settings, context.logs, context.kinds)
            if settings.rounds and not cluster.can_time:
                raise UserError(
                    "no worker of the cluster offers the resource 'timing': start one worker per host with "
                    "--resources 'timing=1', or write 'timing: {rounds: 0}' into the suite"
                )
            able: dict[str, tuple[Work, set[int]]] = {}

            def accuracy() -> Iterator[Work]:
                for work in works:
                    able[work.block.key] = work, set(work.known)
                    if work.missing:
                        yield work

            for found in cluster.measure(accuracy(), timing=False):
                if found.row["status"] == "ok":
                    able[found.block.key][1].add(found.cell)
                yield found
            timed = (
                replace(work, missing=(), known=tuple(sorted(cells)), kept={})
                for work, cells in able.values()
                if cells - set(work.timed)
            )
            yield from cluster.measure(timed, timing=True)


@dataclass(frozen=True)
class _Cluster:
    """A connected cluster.

    Attributes:
        plugin: name of the worker plugin that holds the supervised processes.
        logs: folder for what estimators print, by host.
        kinds: of processors that the keys speak of, by device.
    """

    client: Client
    plugin: str
    settings: Settings
    logs: Path
    kinds: Mapping[str, str]

    @property
    def can_time(self) -> bool:
        """Whether any worker offers the resource."""
        workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
        return any(worker["resources"].get("timing", 0) >= 1 for worker in workers)

    def measure(self, works: Iterable[Work], timing: bool) -> Iterator[Measurement]:
        """Sends works while there is room, and yields what comes back, block by block."""
        from distributed import as_completed

        coming = iter(works)
        sent: dict[Future[Any], Work] = {}
        done = as_completed(loop=self.client.loop)
        keys = Keys(plugin_host.current(), self.settings, self.kinds)

        def send() -> None:
            room = max(0, WAITING * max(1, sum(self.client.nthreads().values())) - len(sent))
            for work in itertools.islice(coming, room):
                future = self._submit(work, keys, timing)
                sent[future] = work
                done.add(future)

        try:
            send()
            while sent:
                future = next(done)
                work = sent.pop(future)
                yield from _results(future, work, timing, self.logs)
                future.release()
                send()
        finally:
            self.client.cancel(list(sent), force=True)

    def _submit(self, work: Work, keys: Keys, timing: bool) -> Future[Any]:
        from estibench.engines.dask_worker import measure_there

        order = {
            "block": asdict(work.block),
            "settings": asdict(self.settings),
            "missing": list(work.missing),
            "known": list(work.known),
            "kinds": dict(self.kinds),
            "keys": {cell: keys.of(work.block.cells[cell]) for cell in (*work.missing, *work.known)},
        }
        kept = {cell: read_kept(path) for cell, path in work.kept.items()}
        return self.client.submit(
            measure_there, self.plugin, order, kept, timing, pure=False, resources=TIMING if timing else None
        )


def _results(future: Future[Any], work: Work, timing: bool, logs: Path) -> Iterator[Measurement]:
    """What a task has found, or the rows of cells whose workers were lost."""
    from distributed import KilledWorker

    if future.status == "cancelled":
        raise UserError("the connection to the cluster is lost; what was measured before is kept")
    error = future.exception()
    if error is None:
        for message in future.result():
            header, text = messages.unpack(message)
            if "log" in header:
                _append_log(logs / header["log"], text)
            else:
                yield messages.measurement_from_message(message, work.block)
        return
    if isinstance(error, UserError):
        raise error
    if isinstance(error, KilledWorker):
        reason = "the cluster has lost too many workers that were measuring this block"
    else:
        reason = f"the task failed on the cluster: {type(error).__name__}: {error}".splitlines()[0]
    for cell in work.known if timing else work.missing:
        row = {"status": "crashed", "reason": f"while timed: {reason}" if timing else reason}
        yield Measurement(work.block, cell, "time" if timing else "accuracy", row)


def _append_log(path: Path, text: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as log:
        log.write(text)


def _check_installed() -> None:
    if importlib.util.find_spec("distributed") is None:
        raise UserError("the engine 'dask' needs dask.distributed: pip install 'estibench[dask]'")


@contextmanager
def _client(scheduler: str, jobs: int) -> Iterator[Client]:
    """Connected to a running scheduler, or to a cluster of our own."""
    from distributed import Client

    if scheduler:
        try:
            client = Client(scheduler, set_as_default=False)  # dask's configuration says how long it may take
        except (OSError, ValueError) as error:
            raise UserError(f"no scheduler at {scheduler}: {error or type(error).__name__}") from error
        with client:
            yield client
        return
    with _cluster(jobs) as cluster, Client(cluster, set_as_default=False) as client:
        client.wait_for_workers(jobs, timeout=START_LIMIT)
        yield client


@contextmanager
def _cluster(jobs: int) -> Iterator[Any]:
    """Worker processes on this machine that listen on the loopback interface only. The first one times."""
    import dask
    from distributed import Nanny, Scheduler, SpecCluster

    there = {"host": LOOPBACK, "nthreads": 1, **HIDDEN, "memory_limit": 0, "silence_logs": logging.ERROR}
    workers = {
        number: {"cls": Nanny, "options": there | {"resources": TIMING if number == 0 else {}}}
        for number in range(jobs)
    }
    scheduler = {"cls": Scheduler, "options": {"host": LOOPBACK, "port": 0, **HIDDEN}}
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": LOST}),
        SpecCluster(workers, scheduler, silence_logs=logging.ERROR) as cluster,
    ):
        yield cluster


@contextmanager
def _registered(client: Client, plugins: tuple[str, ...]) -> Iterator[str]:
    """The worker plugin of the run, with all workers, those to come included. Yields its name."""
    from estibench.engines.dask_worker import Supervisors

    name = f"estibench-{uuid.uuid4().hex[:8]}"
    hosts = Counter(worker["host"] for worker in client.scheduler_info(n_workers=-1)["workers"].values())
    client.register_plugin(Supervisors(name, plugins, max(hosts.values(), default=1)), name=name)
    try:
        yield name
    finally:
        with suppress(OSError):  # a cluster that is gone needs no tidying
            client.unregister_worker_plugin(name)
