"""Everything that a plugin can do wrong, in one suite: each fault costs its cell, and the good cells are unchanged."""

import re
from types import SimpleNamespace

import pandas as pd
import pytest

import estibench
from estibench.engines import supervisor
from estibench.engines.board import Notice
from estibench.engines.contract import Context
from estibench.engines.local import LOOK
from estibench.suite import Settings

GOOD = ["good", "{name: good, scale: 3}", "talks", "exact"]
FAULTS = {
    "hangs": ("timeout", "first call took more than 3600 s"),
    "hangswithlock": ("timeout", "first call took more than 3600 s"),
    "exits": ("crashed", "the process ended by itself, with exit code 3"),
    "exitspolitely": ("failed", "SystemExit: enough"),
    "segfaults": ("crashed", "killed by SIGSEGV"),
    "aborts": ("crashed", "killed by SIGABRT"),
    "iskilled": ("crashed", "killed by SIGKILL"),
    "allocates": ("out_of_memory", r"first call took 1\.\d\d GiB of memory, more than 1\.00"),
    "allocatesatonce": ("out_of_memory", "RuntimeError: .*can't allocate memory"),
    "raises": ("failed", r"RuntimeError: it <b>broke</b> \| badly"),
    "returnsnan": ("not_finite", "of .* draws are not finite"),
    "wrongshape": ("failed", "the estimate has shape"),
    "wrongdtype": ("failed", "the estimate has dtype torch.int64"),
    "globalrandomness": ("failed", "draws from the global generator of torch, not from the one it is given"),
    "drawsglobally": ("failed", "draws from the global generator of numpy, not from the one it is given"),
    "changesdtype": ("failed", "changes torch's default dtype"),
    "leavesamess": ("failed", "ValueError: not UTF-8: "),
    "crasheswhenbuilt": ("crashed", "the process ended by itself, with exit code 9"),
    "forksandexits": ("crashed", "the process ended by itself, with exit code 6"),
    "realtimesignal": ("crashed", "killed by signal 40|killed by SIGRTMIN"),
    "floods": ("crashed", "first call printed more than 64 MiB"),
    "crasheswhentimed": ("crashed", "while timed: the process ended by itself, with exit code 4"),
    "hangswhentimed": ("timeout", "while timed: timing took more than 3600 s"),
}
PROBLEMS = ["{name: matrix, dim: 8}", "{name: crashingproblem, dim: 4}", "hangingproblem"]


@pytest.fixture(scope="module")
def runs(bench, tmp_path_factory):
    """The good estimators alone, and among all the faulty ones: process and table of each."""
    place = tmp_path_factory.mktemp("faults")
    among = [item for fault, good in zip(FAULTS, GOOD * len(FAULTS), strict=False) for item in (fault, good)]
    among = list(dict.fromkeys(among))
    found = {}
    for name, estimators, problems in (("alone", GOOD, PROBLEMS[:1]), ("among", among, PROBLEMS)):
        suite = place / f"{name}.yaml"
        items = "".join(
            f"{key}:\n" + "".join(f"  - {item}\n" for item in items)
            for key, items in (("problems", problems), ("estimators", estimators))
        )
        head = "name: faults\ntime_limit: 3600\nproblem_limit: 1800\nmemory_limit: 1\n"
        head += "draws: {min: 32, max: 64}\ntiming: {rounds: 7}\n"
        suite.write_text(head + "baseline: good\n" + items, encoding="utf-8")
        done = bench("run", suite, "-o", place / name, "--jobs", 1, plugins=["leap"], FAULTS_HANG=str(place / "hangs"))
        found[name] = done, estibench.load(place / name).frame.set_index(["problem_name", "estimator"]), place / name
    return found


def test_every_fault_is_a_row_with_its_status_and_reason(runs):
    done, frame, _ = runs["among"]
    assert done.returncode == 1
    assert "Traceback" not in done.stderr + done.stdout
    for fault, (status, reason) in FAULTS.items():
        row = frame.loc["matrix", fault]
        assert (row["status"], bool(re.search(reason, row["reason"]))) == (status, True), row["reason"]


def test_good_cells_are_unchanged(runs):
    (done, alone, _), (_, among, _) = runs["alone"], runs["among"]
    assert done.returncode == 0, done.stderr
    columns = [name for name in alone if "time" not in name and not name.startswith(("claims", "front"))]
    assert "rmse_high" in columns
    assert "mse_ratio" in columns
    labels = ["good", "good(scale=3)", "talks", "exact"]
    both = [frame.loc["matrix"].loc[labels, columns] for frame in (alone, among)]
    pd.testing.assert_frame_equal(*both, check_exact=True, check_dtype=False)
    assert (among.loc["matrix"].loc[labels, "time_rounds"] == 7).all(), "timed without those that cannot be"


def test_a_problem_that_crashes_costs_its_block(runs):
    _, frame, _ = runs["among"]
    rows = frame.loc["crashingproblem"]
    assert set(rows["status"]) == {"crashed"}
    assert set(rows["reason"]) == {"the problem's truth: the process ended by itself, with exit code 5"}


def test_tracebacks_are_kept(runs):
    _, frame, place = runs["among"]
    text = (place / frame.loc["matrix", "raises"]["traceback"]).read_text()
    assert "with a second line" in text
    assert 'in estimate\n    raise RuntimeError("it <b>broke' in text
    assert (
        "Fatal Python error: Segmentation fault" in (place / frame.loc["matrix", "segfaults"]["traceback"]).read_text()
    )


def test_what_estimators_print_goes_to_the_log(runs):
    done, _, place = runs["alone"]
    assert "a word" not in done.stdout + done.stderr
    log = (place / "logs" / "worker-1.log").read_text()
    assert "a word on stdout" in log
    assert "a word on file descriptor 2" in log


def test_logs_that_a_plugin_deletes_are_made_anew_and_cost_no_cell(bench, write_suite, tmp_path):
    """Its own log is gone; a crash after it is still explained, and the next worker has a log again."""
    suite = write_suite(["deleteslogs", "exits", "talks", "good"])
    logs = tmp_path / "run" / "logs"
    done = bench("run", suite, "-q", "-o", tmp_path / "run", "--jobs", 1, FAULTS_LOGS=str(logs))
    assert done.returncode == 1, done.stderr
    frame = estibench.load(tmp_path / "run").frame.set_index("estimator")
    assert frame["status"].to_dict() == {"deleteslogs": "ok", "exits": "crashed", "talks": "ok", "good": "ok"}
    assert "a word on stdout" in (logs / "worker-1.log").read_text()
    explained = (tmp_path / "run" / frame.loc["exits", "traceback"]).read_text()
    assert "the process ended by itself, with exit code 3" in explained


def test_text_of_plugins_is_escaped(runs):
    _, _, place = runs["among"]
    page = (place / "report.html").read_text()
    assert "<b>broke</b>" not in page
    assert "&lt;b&gt;broke&lt;/b&gt;" in page


def test_a_problem_that_hangs_has_a_limit_of_its_own(runs):
    _, frame, _ = runs["among"]
    rows = frame.loc["hangingproblem"]
    assert set(rows["reason"]) == {"the problem's truth took more than 1800 s"}
    assert set(rows["status"]) == {"timeout"}


@pytest.mark.parametrize(("limit", "slack"), [(2.0, 0.75), (60.0, 6.0)])
def test_a_cell_is_killed_once_its_limit_and_its_grace_are_over(monkeypatch, tmp_path, limit, slack):
    """By a clock that is turned by hand."""
    now = [100.0]
    monkeypatch.setattr(supervisor, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(supervisor.Supervisor, "_notice", lambda self: Notice(0, 100.0, "first call"))
    worker = supervisor.Supervisor("worker", Settings(time_limit=limit), Context(tmp_path), 2**40)
    worker.log.touch()
    now[0] += limit + slack
    assert worker._beyond_limit() is None
    now[0] += 1e-3
    assert worker._beyond_limit() == ("timeout", f"first call took more than {limit:g} s")


def test_a_short_limit_ends_within_a_second():
    assert supervisor.grace(2) + LOOK < 1


def test_a_worker_that_cannot_start_is_one_clear_line(bench, write_suite, tmp_path):
    """Its log says why: here the interpreter's start is broken for workers only."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\nif 'estibench.engines.nursery' in sys.orig_argv: os._exit(7)\n"
    )
    done = bench("run", write_suite(["good"]), "-o", tmp_path / "run", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert re.fullmatch("a worker process does not start: .* exit code 7; its log is .*worker-1.log\n", done.stderr)
