"""Runs that are killed, interrupted or disturbed, as processes: nothing measured is lost, the numbers are the same."""

import os
import random
import resource
import signal
import subprocess
import sys
import time

import pandas as pd
import psutil
import pytest

import estibench
from estibench.results.store import Store

ESTIMATORS = ["counts", "{name: counts, scale: [2, 3]}", "{name: hutchinson, probes: 2}"]
PROBLEMS = ["{name: matrix, dim: [8, 9, 10]}"]
KEYS = {"draws": "{min: 64, max: 4096}", "precision": 0.01, "timing": "{rounds: 7}"}


@pytest.fixture
def suite(write_suite):
    return write_suite(ESTIMATORS, PROBLEMS, **KEYS)


def hear_ctrl_c():
    """What a shell starts in the background ignores SIGINT, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def start(command, tmp_path):
    """Starts a run in a process group of its own."""
    started = []

    def start(suite, directory, *arguments):
        environment = {**os.environ, "FAULTS_COUNT": str(tmp_path / "count")}
        process = subprocess.Popen(
            command("run", suite, "-o", directory, *arguments),
            env=environment,
            start_new_session=True,
            preexec_fn=hear_ctrl_c,  # noqa: PLW1509 - no threads here
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_for_records(directory, number, process):
    """Until the store holds so many records, or the run has ended."""
    while process.poll() is None and len(Store(directory).read()[0]) < number:
        time.sleep(0.005)


def wait_until_gone(processes):
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert not alive, "no worker outlives its run"


def accuracy(directory):
    frame = estibench.load(directory).frame.set_index("key")
    return frame.drop(columns=[name for name in frame if "time" in name])


def test_kills_at_any_instant_lose_no_finished_cell(start, suite, tmp_path):
    """The whole group is killed with SIGKILL three times, at instants from a fixed seed; then the run ends alone."""
    assert start(suite, tmp_path / "whole").wait(timeout=120) == 0
    whole = accuracy(tmp_path / "whole")
    assert len(whole) == 12
    place, count = tmp_path / "killed", tmp_path / "count"
    chooser = random.Random(4)
    known = 0
    for goal in (1, 8, 20):
        process = start(suite, place)
        wait_for_records(place, goal, process)
        time.sleep(chooser.random() * 0.05)
        workers = psutil.Process(process.pid).children()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        wait_until_gone(workers)
        records, _ = Store(place).read()
        assert len(records) >= known, "what was stored stays"
        known = len(records)
    before = {record.key for record in Store(place).read()[0] if record.part == "accuracy"}
    count.write_text("")
    last = start(suite, place)
    _, errors = last.communicate(timeout=120)
    assert last.returncode == 0, errors
    assert f"{len(before)} of 12 cells are kept" in errors
    pd.testing.assert_frame_equal(accuracy(place), whole, check_exact=True)
    fresh = [record.key for record in Store(place).read()[0] if record.part == "accuracy"]
    assert len(fresh) == len(set(fresh)) == 12, "no finished cell was measured twice"


def test_ctrl_c_ends_cleanly_and_says_how_to_go_on(start, write_suite, tmp_path):
    suite = write_suite(["good", "hangs"], time_limit=60)
    process = start(suite, tmp_path / "run")
    wait_for_records(tmp_path / "run", 1, process)
    workers = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.strip() == (
        f"stopped; what was measured is kept in {tmp_path / 'run'}: the same command goes on from there"
    )
    wait_until_gone(workers)
    assert estibench.load(tmp_path / "run").frame["estimator"].tolist() == ["good"]


INTERRUPTS = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"
LATER = """
from estibench import EstimatorEntry, hookimpl

@hookimpl
def bench_estimators():
    return [EstimatorEntry("late", "interrupts:Late", "late", ("trace",))]
"""


@pytest.mark.parametrize("arguments", [["list"], ["run", "SUITE"], ["run", "SUITE", "-o", "RUN"]])
@pytest.mark.parametrize("plugin", [INTERRUPTS, LATER])
def test_ctrl_c_while_modules_load_is_the_same_clear_line(write_suite, tmp_path, arguments, plugin):
    """A module that interrupts its own process stands for a user who does: while plugins load, or for the suite."""
    (tmp_path / "interrupts.py").write_text(INTERRUPTS)
    (tmp_path / "plugin.py").write_text(plugin)
    places = {"SUITE": write_suite(["late"]), "RUN": tmp_path / "run"}
    words = [str(places.get(word, word)) for word in arguments]
    done = subprocess.run(
        [sys.executable, "-m", "estibench", "-p", str(tmp_path / "plugin.py"), *words],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        preexec_fn=hear_ctrl_c,
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    if plugin == LATER and arguments == ["list"]:
        assert done.returncode == 0, "it has loaded nothing"
        return
    where = f" in {tmp_path / 'run'}" if "RUN" in arguments and plugin == LATER else ""
    kept = f"stopped; what was measured is kept{where}: the same command goes on from there"
    assert done.stderr.strip() == (kept if "run" in arguments else "stopped")
    assert done.returncode == 130


def test_a_second_run_into_the_directory_is_refused(start, bench, write_suite, tmp_path):
    suite = write_suite(["good", "hangs"], time_limit=60)
    process = start(suite, tmp_path / "run")
    wait_for_records(tmp_path / "run", 1, process)
    second = bench("run", suite, "-o", tmp_path / "run")
    assert second.returncode == 2
    assert second.stderr == (
        f"{tmp_path / 'run'}: another run is writing here; wait for it, or choose another directory\n"
    )
    status = bench("status", tmp_path / "run")
    assert "running now" in status.stdout


@pytest.mark.parametrize("engine", ["serial", "local"])
def test_a_full_disk_is_a_clear_error_and_the_store_stays_readable(command, write_suite, tmp_path, engine):
    """No file may grow beyond 20 kB: the store of twelve cells does."""
    suite = write_suite(ESTIMATORS, PROBLEMS)
    environment = {**os.environ, "FAULTS_COUNT": str(tmp_path / "count")}

    def small_disk():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    full = subprocess.run(
        command("run", suite, "-o", tmp_path / "run", "--engine", engine),
        env=environment,
        preexec_fn=small_disk,
        capture_output=True,
        text=True,
        check=False,
    )
    assert full.returncode == 2
    assert "cannot write: File too large; what was measured before is kept" in full.stderr
    assert "Traceback" not in full.stderr
    records, damaged = Store(tmp_path / "run").read()
    assert records
    assert not damaged
    assert len(estibench.load(tmp_path / "run").frame) >= 1


@pytest.mark.parametrize("options", [["--jobs", "2"], ["--engine", "serial"]])
def test_numbers_do_not_depend_on_engine_or_jobs(start, suite, tmp_path, options):
    one = start(suite, tmp_path / "one")
    assert one.wait(timeout=120) == 0
    other = start(suite, tmp_path / "other", *options)
    assert other.wait(timeout=120) == 0
    pd.testing.assert_frame_equal(accuracy(tmp_path / "one"), accuracy(tmp_path / "other"), check_exact=True)
