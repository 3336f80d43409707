"""Workers out of the nursery are born and die like processes of their own."""

import os
import signal
import socket
import subprocess
import sys
from multiprocessing.connection import Connection

import psutil
import pytest

from estibench.engines import messages
from estibench.engines.board import new_file
from estibench.engines.process import _Spawned, load_compiler, new_worker

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is a nursery on Linux only")


OTHER = {"OMP_NUM_THREADS": "3"}  # an environment that workers of this one's nursery cannot have


@pytest.fixture
def start(tmp_path, patience):
    """`start(**hello)`: a worker that has said that it is ready, and the connection to it."""
    started = []

    def start(make=new_worker, environment=None, **hello):
        environment = dict(os.environ) if environment is None else environment
        ours, theirs = socket.socketpair()
        board = new_file()
        with (tmp_path / "log").open("a+b", buffering=0) as log, theirs:
            process = make(environment, theirs.fileno(), board, log)
        os.close(board)
        connection = Connection(ours.detach())
        common = {"plugins": [], "threads": 1, "path": sys.path, "folder": str(tmp_path), "environment": environment}
        messages.send(connection, common | hello)
        started.append((process, connection))
        assert connection.poll(patience)
        return process, connection

    yield start
    for process, connection in started:
        process.kill()
        connection.close()


def test_a_worker_has_the_folder_and_the_environment_of_the_moment(start, tmp_path, monkeypatch):
    monkeypatch.setenv("ESTIBENCH_OF_TODAY", "yes")
    process, _ = start()
    worker = psutil.Process(process.pid)
    assert worker.cwd() == str(tmp_path)
    assert os.getsid(process.pid) == process.pid, "what it starts is killed with it"
    assert worker.ppid() != os.getpid()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_how_it_ended_is_told_as_by_popen(start, number, patience):
    process, connection = start()
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=0.01)
    os.kill(process.pid, number)
    assert process.wait(timeout=patience) == process.poll() == -number
    assert connection.poll(patience), "and its connection has ended"


@pytest.mark.parametrize("make", [new_worker, _Spawned], ids=["forked", "spawned"])
def test_one_that_nobody_talks_to_leaves_with_zero(start, make, patience):
    process, connection = start(make)
    assert "ready" in messages.receive(connection)
    connection.close()
    assert process.wait(timeout=patience) == 0


@pytest.mark.parametrize("make", [new_worker, _Spawned], ids=["forked", "spawned"])
def test_nonsense_is_a_traceback_in_its_log_and_exit_code_one(start, make, patience, tmp_path):
    process, connection = start(make)
    connection.send_bytes(b"no message")
    assert process.wait(timeout=patience) == 1
    assert "Traceback" in (tmp_path / "log").read_text()


def test_workers_of_one_environment_come_from_one_nursery_that_ends_with_its_last_worker(start, patience):
    first, its_connection = start()
    second, connection = start(environment=dict(os.environ) | {"PYTEST_CURRENT_TEST": "another", "COLUMNS": "7"})
    assert first.pid != second.pid
    parent = psutil.Process(first.pid).parent()
    assert psutil.Process(second.pid).ppid() == parent.pid
    third, _ = start(environment=dict(os.environ) | OTHER)
    assert psutil.Process(third.pid).ppid() != parent.pid
    assert first.poll() is None, "the former nursery ends with its last worker, not before"
    for process, one in ((first, its_connection), (second, connection)):
        assert parent.is_running()
        assert "ready" in messages.receive(one)
        one.close()
        assert process.wait(timeout=patience) == 0
    parent.wait(patience)


def test_a_killed_nursery_takes_its_workers_along_and_is_replaced(start, patience):
    process, _ = start(environment=dict(os.environ) | OTHER)
    psutil.Process(process.pid).parent().kill()
    assert process.wait(timeout=patience) == -signal.SIGKILL
    again, _ = start(environment=dict(os.environ) | OTHER)
    assert again.poll() is None


def test_the_compiler_is_loaded_once_a_worker_has_needed_it(start, tmp_path):
    said = tmp_path / "asks_for_the_compiler.py"
    said.write_text("import sys\nprint('compiler:', 'torch._dynamo' in sys.modules, flush=True)\n")
    another = dict(os.environ) | OTHER | {"A_NURSERY": "that no test has taught anything"}
    start(environment=another, plugins=[str(said)])
    load_compiler()
    load_compiler()
    start(environment=another, plugins=[str(said)])
    lines = (tmp_path / "log").read_text().splitlines()
    assert [line for line in lines if line.startswith("compiler:")] == ["compiler: False", "compiler: True"]


def test_nobody_survives_whoever_started_it(tmp_path, patience):
    code = (
        "import os, signal, socket, sys, tempfile\n"
        "from estibench.engines import nursery\n"
        "from estibench.engines.board import new_file\n"
        "a, b = socket.socketpair()\n"
        "one = nursery.fork(dict(os.environ), b.fileno(), new_file(), tempfile.TemporaryFile())\n"
        "while one.pid is None: one._look(1.0)\n"
        "print(one.pid, one.nursery.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=patience, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    for pid in map(int, done.stdout.split()):
        try:
            psutil.Process(pid).wait(patience)
        except psutil.NoSuchProcess:
            continue


@pytest.mark.parametrize("module", ["torch", "numpy"])
def test_a_process_in_which_others_have_loaded_much_is_not_forked(module):
    code = f"import {module}\nfrom estibench.engines import nursery\nnursery.here()\nprint(nursery._current)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"


def test_the_command_line_starts_no_second_interpreter(tmp_path):
    """Its workers are forks of a fork of it; with a plugin file, which may do anything as it loads, they are not."""
    (tmp_path / "sitecustomize.py").write_text("open('starts', 'a').write('.')")
    (tmp_path / "plugin.py").write_text("import torch\n")
    (tmp_path / "suite.yaml").write_text(
        "name: one\ndraws: {min: 16, max: 16}\ntiming: {rounds: 0}\n"
        "problems: [{name: matrix, dim: 4}]\nestimators: [hutchinson]\n"
    )
    for options, starts in (([], 1), (["-p", "plugin.py"], 2)):
        (tmp_path / "starts").write_text("")
        subprocess.run(
            [sys.executable, "-m", "estibench", *options, "run", "suite.yaml", "-q", "--fresh"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(tmp_path)},
            check=True,
        )
        assert len((tmp_path / "starts").read_text()) == starts
