"""The dask engine on a real cluster: a scheduler and workers as processes of their own on the loopback interface."""

import json
import os
import signal
import socket
import subprocess
import sys

import pandas as pd
import psutil
import pytest

import estibench
from estibench import UserError
from estibench import host as plugin_host
from estibench.engines import dask as engine
from estibench.results.store import Store
from estibench.runs.session import make_engine
from estibench.suite import Settings, read_suite

pytest.importorskip("distributed")

ESTIMATORS = ["exact", "{name: hutchinson, probes: [2, 4, 8]}"]
PROBLEMS = ["{name: matrix, dim: [4, 5, 6, 7, 8, 9, 10, 11, 12, 13]}"]  # more blocks than are sent ahead
KEYS = {"draws": "{min: 64, max: 2048}", "precision": 0.01, "timing": "{rounds: 7}"}
ALLOWED_LOSSES = 1


def accuracy(directory):
    frame = estibench.load(directory).frame.set_index("key")
    return frame.drop(columns=[name for name in frame if "time" in name])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, until, patience):
    """Address of a scheduler with two workers, each with a nanny that starts it again."""
    place = tmp_path_factory.mktemp("cluster")
    file = place / "scheduler.json"
    environment = {**os.environ, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(ALLOWED_LOSSES)}
    common = ["--scheduler-file", str(file), "--host", "127.0.0.1", "--no-dashboard"]
    commands = [["scheduler", *common, "--port", "0"]]
    commands += [["worker", *common, "--nthreads", "1", "--resources", "timing=1"] for _ in range(2)]
    with (place / "log").open("w") as log:
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "distributed.cli." + f"dask_{words[0]}", *words[1:]],
                stdout=log,
                stderr=log,
                env=environment,
                cwd=place,
            )
            for words in commands
        ]
    until(lambda: processes[0].poll() is not None or (file.exists() and '"address"' in file.read_text()))
    assert processes[0].poll() is None, (place / "log").read_text()
    yield json.loads(file.read_text())["address"]
    for process in reversed(processes):
        process.terminate()
    for process in processes:
        process.wait(timeout=patience)


@pytest.fixture
def workers_of(until):
    """`workers_of(address)`: the processes of the cluster's two workers, once both are there and alive."""
    from distributed import Client

    def workers_of(address):
        with Client(address, set_as_default=False, timeout="300s") as client:

            def alive():
                found = [pid for pid in client.run(os.getpid, on_error="ignore").values() if psutil.pid_exists(pid)]
                return found if len(found) == 2 else []

            return until(alive, "a second worker")

    return workers_of


@pytest.mark.nightly
def test_a_killed_worker_changes_no_number(cluster, workers_of, command, bench, write_suite, tmp_path, until, patience):
    suite = write_suite(ESTIMATORS, PROBLEMS, **KEYS)
    assert bench("run", suite, "-q", "-o", tmp_path / "serial", "--engine", "serial").returncode == 0
    pids = workers_of(cluster)
    run = subprocess.Popen(
        command("run", suite, "-q", "-o", tmp_path / "run", "--engine", "dask", "-E", f"scheduler={cluster}"),
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: run.poll() is not None or Store(tmp_path / "run").read()[0])
    os.kill(pids[0], signal.SIGKILL)
    _, errors = run.communicate(timeout=patience)
    assert run.returncode == 0, errors
    pd.testing.assert_frame_equal(accuracy(tmp_path / "run"), accuracy(tmp_path / "serial"), check_exact=True)
    frame = estibench.load(tmp_path / "run").frame
    assert set(frame["host"]) == set(frame["time_host"]) == {os.uname().nodename}
    assert (frame["time_rounds"] == 7).all()


@pytest.mark.nightly
def test_a_block_that_loses_every_worker_is_recorded_as_crashed(cluster, workers_of, bench, write_suite, tmp_path):
    problems = ["{name: matrix, dim: 8}", "{name: field_jacobian, family: mlp, dim: 4, batch: 2}"]
    suite = write_suite(["killstheworker", "good", "{name: hutchinson, probes: 2}"], problems, timing="{rounds: 0}")
    workers_of(cluster)
    done = bench("run", suite, "-q", "-o", tmp_path / "run", "--engine", "dask", "-E", f"scheduler={cluster}")
    assert done.returncode == 1, done.stderr
    frame = estibench.load(tmp_path / "run").frame.set_index(["problem_name", "estimator"])
    assert set(frame.loc["matrix"]["status"]) == {"crashed"}
    assert set(frame.loc["matrix"]["reason"]) == {
        "the cluster has lost too many workers that were measuring this block"
    }
    assert frame.loc["field_jacobian", "hutchinson(probes=2)"]["status"] == "ok"


@pytest.mark.nightly
def test_faults_cost_their_cell_here_too(cluster, workers_of, bench, write_suite, tmp_path):
    suite = write_suite(["segfaults", "good"], timing="{rounds: 7}")
    workers_of(cluster)
    bench("run", suite, "-q", "-o", tmp_path / "run", "--engine", "dask", "-E", f"scheduler={cluster}")
    frame = estibench.load(tmp_path / "run").frame.set_index("estimator")
    assert frame["status"].to_dict() == {"segfaults": "crashed", "good": "ok"}
    assert frame.loc["segfaults", "reason"] == "killed by SIGSEGV"
    text = (tmp_path / "run" / frame.loc["segfaults", "traceback"]).read_text()
    assert "Segmentation fault" in text


def test_what_cannot_work_is_one_clear_line(write_suite, bench, tmp_path):
    suite = write_suite(["good"])
    with socket.socket() as silent:  # a port of our own, on which nobody listens
        silent.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        options = ["-o", tmp_path / "run", "--engine", "dask", "-E", f"scheduler={address}"]
        done = bench("run", suite, *options, DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="1s")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"no scheduler at {address}: ")


def test_timing_needs_a_worker_that_offers_it(write_suite, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "TIMING", {})
    suite = write_suite(["exact"], timing="{rounds: 7}")
    with pytest.raises(UserError, match="no worker of the cluster offers the resource 'timing': start one worker per"):
        estibench.run(suite, directory=tmp_path / "run", engine="dask")


def test_our_own_cluster_listens_on_loopback_only():
    us = psutil.Process()
    others = {process.pid for process in us.children(recursive=True)}
    with engine._cluster(1) as cluster:
        assert cluster.scheduler_address.startswith("tcp://127.0.0.1:")
        ours = [process for process in us.children(recursive=True) if process.pid not in others]
        assert ours
        addresses = {
            connection.laddr.ip
            for process in (us, *ours)
            for connection in process.net_connections(kind="inet")
            if connection.status == psutil.CONN_LISTEN
        }
    assert addresses == {"127.0.0.1"}


def test_a_worker_with_other_sources_refuses(write_suite):
    from estibench.engines.dask_worker import Supervisors
    from estibench.keys import Keys

    host = plugin_host.current()
    (block,) = read_suite(write_suite(["exact"]), host).blocks
    right = Keys(host, Settings()).of(block.cells[0])
    worker = Supervisors("name", (), 1)
    worker.check_keys(block, Settings(), {0: right}, {})
    with pytest.raises(UserError, match="this worker has other distributions, another Python or other plugin sources"):
        worker.check_keys(block, Settings(), {0: right[:-1] + "x"}, {})


def test_options_are_checked_by_their_types(host):
    assert make_engine(host, "local", {"jobs": 3}).jobs == 3
    with pytest.raises(UserError, match="engine 'local': jobs: input should be greater than or equal to 1, got 0"):
        make_engine(host, "local", {"jobs": 0})
    with pytest.raises(UserError, match=r"engine 'dask': unknown option 'schedular'; did you mean 'scheduler'\?"):
        make_engine(host, "dask", {"schedular": "x"})
    with pytest.raises(UserError, match="engine 'serial': unknown option 'jobs'; it has none"):
        make_engine(host, "serial", {"jobs": 2})
