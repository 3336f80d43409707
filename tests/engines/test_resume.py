"""Runs that are killed, interrupted or disturbed, as processes: nothing measured is lost, the numbers are the same."""

import os
import signal
import subprocess
from pathlib import Path

import pandas as pd
import psutil
import pytest
from click.testing import CliRunner

import estibench
from estibench.cli import bench as command_line
from estibench.results.store import Store

PLUGINS = Path(__file__).parent / "plugins"
ESTIMATORS = ["counts", "{name: counts, scale: [2, 3]}", "{name: hutchinson, probes: 2}"]
PROBLEMS = ["{name: matrix, dim: [8, 9, 10]}"]
KEYS = {"draws": "{min: 64, max: 4096}", "precision": 0.01, "timing": "{rounds: 7}"}


@pytest.fixture
def suite(write_suite):
    return write_suite(ESTIMATORS, PROBLEMS, **KEYS)


# What a shell starts in the background ignores SIGINT, and so would its children.
HEAR = "signal.signal(signal.SIGINT, signal.SIG_DFL)"


@pytest.fixture
def start(command, tmp_path):
    """Starts a run in a process group of its own, held where its store has so many records; `hangs` says who hangs."""
    started = []

    def start(suite, directory, *arguments, hold=10**9, torn=False):
        environment = {**os.environ, "FAULTS_COUNT": str(tmp_path / "count"), "HOLD_AT": str(hold)}
        environment["FAULTS_HANG"] = str(tmp_path / "hangs")
        process = subprocess.Popen(
            command("run", suite, "-o", directory, *arguments, before=HEAR, plugins=["hold"]),
            env=environment | ({"HOLD_TORN": "1"} if torn else {}),
            start_new_session=True,
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


@pytest.fixture
def until_held(until):
    """`until_held(process, directory)`: waits until the run is held. Returns its workers."""

    def until_held(process, directory):
        until(lambda: (directory / "held").exists() or process.poll() is not None, "the record that holds the run")
        assert process.poll() is None, process.communicate()[1]
        (directory / "held").unlink()
        return psutil.Process(process.pid).children()

    return until_held


@pytest.fixture
def until_hanging(until, tmp_path):
    """`until_hanging(process)`: waits until a cell of the run hangs. Returns its workers."""

    def until_hanging(process):
        until(lambda: (tmp_path / "hangs").exists() or process.poll() is not None, "the cell that hangs")
        assert process.poll() is None, process.communicate()[1]
        return psutil.Process(process.pid).children()

    return until_hanging


def wait_until_gone(processes, patience):
    _, alive = psutil.wait_procs(processes, timeout=patience)
    assert not alive, "no worker outlives its run"


def accuracy(directory):
    frame = estibench.load(directory).frame.set_index("key")
    return frame.drop(columns=[name for name in frame if "time" in name])


@pytest.mark.nightly
def test_kills_lose_no_finished_cell(start, suite, tmp_path, until_held, patience):
    """The whole group is killed with SIGKILL three times, once in the midst of writing; then the run ends alone."""
    _, errors = (whole := start(suite, tmp_path / "whole")).communicate(timeout=patience)
    assert whole.returncode == 0, errors
    whole = accuracy(tmp_path / "whole")
    assert len(whole) == 12
    place, count = tmp_path / "killed", tmp_path / "count"
    known = 0
    for goal, torn in ((1, False), (8, True), (20, False)):
        process = start(suite, place, hold=goal, torn=torn)
        workers = until_held(process, place)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        wait_until_gone(workers, patience)
        records, damaged = Store(place).read()
        assert len(records) >= max(goal, known), "what was stored stays"
        assert bool(damaged) == (known > 0), "the torn line is found"
        known = len(records)
    before = {record.key for record in Store(place).read()[0] if record.part == "accuracy"}
    count.write_text("")
    last = start(suite, place)
    _, errors = last.communicate(timeout=patience)
    assert last.returncode == 0, errors
    assert f"{len(before)} of 12 cells are kept" in errors
    pd.testing.assert_frame_equal(accuracy(place), whole, check_exact=True)
    fresh = [record.key for record in Store(place).read()[0] if record.part == "accuracy"]
    assert len(fresh) == len(set(fresh)) == 12, "no finished cell was measured twice"


def test_ctrl_c_ends_cleanly_and_says_how_to_go_on(start, write_suite, tmp_path, until_hanging, patience):
    process = start(write_suite(["good", "hangs"]), tmp_path / "run")
    workers = until_hanging(process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=patience)
    assert process.returncode == 130
    assert errors.strip() == (
        f"stopped; what was measured is kept in {tmp_path / 'run'}: the same command goes on from there"
    )
    wait_until_gone(workers, patience)
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
def test_ctrl_c_while_modules_load_is_the_same_clear_line(python, write_suite, tmp_path, arguments, plugin):
    """A module that interrupts its own process stands for a user who does: while plugins load, or for the suite."""
    (tmp_path / "interrupts.py").write_text(INTERRUPTS)
    (tmp_path / "plugin.py").write_text(plugin)
    places = {"SUITE": write_suite(["late"]), "RUN": tmp_path / "run"}
    words = [str(places.get(word, word)) for word in arguments]
    done = subprocess.run(
        python("-m", "estibench", "-p", tmp_path / "plugin.py", *words, before=HEAR),
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
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


def test_a_second_run_into_the_directory_is_refused(start, write_suite, tmp_path, until_hanging):
    suite = write_suite(["good", "hangs"])
    until_hanging(start(suite, tmp_path / "run"))

    def here(*words):
        return CliRunner().invoke(command_line, ["-p", str(PLUGINS / "faults.py"), *map(str, words)])

    second = here("run", suite, "-o", tmp_path / "run")
    assert isinstance(second.exception, estibench.UserError)
    assert str(second.exception) == (
        f"{tmp_path / 'run'}: another run is writing here; wait for it, or choose another directory"
    )
    assert "running now" in here("status", tmp_path / "run").output


@pytest.mark.parametrize("engine", ["serial", "local"])
def test_a_full_disk_is_a_clear_error_and_the_store_stays_readable(bench, write_suite, tmp_path, engine):
    """No file may grow beyond 20 kB: the store of twelve cells does."""
    small_disk = (
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (20_000,) * 2)"
    )
    full = bench(
        "run",
        write_suite(ESTIMATORS, PROBLEMS),
        "-o",
        tmp_path / "run",
        "--engine",
        engine,
        before=small_disk,
        FAULTS_COUNT=str(tmp_path / "count"),
    )
    assert full.returncode == 2
    assert "cannot write: File too large; what was measured before is kept" in full.stderr
    assert "Traceback" not in full.stderr
    records, damaged = Store(tmp_path / "run").read()
    assert records
    assert not damaged
    assert len(estibench.load(tmp_path / "run").frame) >= 1


@pytest.mark.nightly
@pytest.mark.parametrize("options", [["--jobs", "2"], ["--engine", "serial"]])
def test_numbers_do_not_depend_on_engine_or_jobs(start, suite, tmp_path, options, patience):
    for name, more in (("one", []), ("other", options)):
        process = start(suite, tmp_path / name, *more)
        _, errors = process.communicate(timeout=patience)
        assert process.returncode == 0, errors
    pd.testing.assert_frame_equal(accuracy(tmp_path / "one"), accuracy(tmp_path / "other"), check_exact=True)
