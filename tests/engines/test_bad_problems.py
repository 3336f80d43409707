"""A problem that fails is tried once, and every row of its block says so; a truth that carries a gradient is good."""

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

import estibench
from estibench import host as plugin_host
from estibench.cli.run import _progress
from estibench.engines.schedule import Schedule
from estibench.runs.session import make_engine, opened
from estibench.suite import read_suite
from estibench.suite.plan import DATA, PROBLEM, TRUTH, Measurement, Work

PROBLEMS = Path(__file__).parent / "plugins" / "problems.py"
FOUR = ["{name: noisy, scale: [1, 2, 3, 4]}"]


@pytest.fixture
def run(tmp_path, monkeypatch, write_suite):
    """Runs a suite of one problem; says how often its truth (or whatever fails) was tried."""
    count = tmp_path / "truths"
    monkeypatch.setenv("TRUTHS", str(count))
    plugin_host.start([str(PROBLEMS)])

    def run(problem, engine="serial", options=None, **keys):
        count.write_text("")
        retry = keys.pop("retry", False)
        suite = write_suite(FOUR, [problem], **keys)
        results = estibench.run(suite, directory=tmp_path / "run", engine=engine, options=options or {}, retry=retry)
        return results, len(count.read_text().splitlines())

    yield run
    plugin_host.start()


@pytest.mark.parametrize(
    ("problem", "status", "reason"),
    [
        (
            "raisingtruth",
            "bad_problem",
            "the problem's truth: RuntimeError: Can't call numpy() on Tensor that requires grad. "
            "Use tensor.detach().numpy() instead.",
        ),
        ("raisingdata", "bad_problem", "the problem's data: ValueError: no data"),
        ("raisingplace", "bad_problem", "the problem: TypeError: not there"),
        ("needsmore", "unsupported", "the problem's truth: needs a library"),
        (
            "singletruth",
            "bad_problem",
            "the problem's truth must be a float64 tensor on the CPU, not float32 on cpu",
        ),
        ("texttruth", "bad_problem", "the problem's truth must be a float64 tensor on the CPU, not a str"),
    ],
)
def test_a_problem_that_fails_is_tried_once_and_says_so_in_every_row(run, problem, status, reason):
    results, tries = run(problem)
    assert [(row["status"], row["reason"]) for row in results.rows] == [(status, reason)] * 4
    assert results.exit_code == (2 if status == "bad_problem" else 0)
    assert tries <= 1


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_workers_try_it_once_too(run, jobs):
    results, tries = run("slowraisingtruth", engine="local", options={"jobs": jobs})
    assert {row["status"] for row in results.rows} == {"bad_problem"}
    assert {row["reason"] for row in results.rows} == {"the problem's truth: MemoryError: too large"}
    assert tries == 1
    texts = [(results.directory / row["traceback"]).read_text() for row in results.rows]
    assert all('raise MemoryError("too large")' in text for text in texts)


def test_a_bad_problem_is_tried_again_on_request_only(run):
    run("raisingtruth")
    assert run("raisingtruth")[1] == 0
    assert run("raisingtruth", retry=True)[1] == 1


@pytest.mark.parametrize("problem", ["gradienttruth", "cachedgradienttruth"])
def test_a_truth_that_carries_a_gradient_is_detached_and_asked_for_once(run, problem):
    results, tries = run(problem, draws="{min: 256, max: 256}")
    assert {row["status"] for row in results.rows} == {"ok"}
    assert {row["truth_norm"] for row in results.rows} == {6.0}
    for row in results.rows:  # E of the squared error is scale²; false failures: 4 · 5 % of 95 % intervals, seed fixed
        assert row["mse_low"] < row["estimator_scale"] ** 2 < row["mse_high"]
    assert tries == 1


def test_steps_are_told_to_whoever_watches(run, write_suite, tmp_path):
    host = plugin_host.current()
    told = []
    plan = read_suite(write_suite(FOUR, ["gradienttruth"]), host)
    with opened(host, plan, tmp_path / "watched", make_engine(host, "serial", {})) as session:
        list(session.execute(watch=lambda block, cell, step: told.append((cell, step))))
    assert told[:4] == [(0, PROBLEM), (0, TRUTH), (0, DATA), (0, "building")]
    assert sum(step == TRUTH for _, step in told) == 1


def test_the_progress_says_that_it_computes_the_truth(run, write_suite):
    host = plugin_host.current()
    plan = read_suite(write_suite(FOUR, ["gradienttruth"]), host)
    screen = io.StringIO()
    with _progress(plan, 0, Console(file=screen, force_terminal=True, width=150), quiet=False) as progress:
        progress.watch(plan.blocks[0], 0, TRUTH)
    assert "gradienttruth: computing the truth" in screen.getvalue()


@pytest.fixture
def schedule(run, write_suite):
    """A schedule of one block of four cells."""
    (block,) = read_suite(write_suite(FOUR, ["raisingtruth"]), plugin_host.current()).blocks
    found = Schedule([Work(block, (0, 1, 2, 3))], at_once=False)

    def report(job, status):
        row = {"status": status, "reason": ""}
        return [one.cell for one in found.take(job, Measurement(block, job.cells[0], "accuracy", row))]

    return SimpleNamespace(it=found, report=report)


def test_nobody_joins_a_block_before_its_problem_is_known_to_be_good(schedule):
    first = schedule.it.next("a")
    for step in ("starting", PROBLEM, TRUTH, DATA):
        schedule.it.begun(first, step)
        assert schedule.it.next("b") is None
    schedule.it.begun(first, "building")
    second = schedule.it.next("b")
    assert (first.cells, second.cells) == ((0,), (1,))


def test_a_report_proves_the_problem_too(schedule):
    first = schedule.it.next("a")
    assert schedule.report(first, "failed") == [0]
    assert list(schedule.it.done(first)) == []
    assert [schedule.it.next(worker).cells for worker in "ab"] == [(1,), (2,)]


def test_a_bad_problem_gives_up_the_whole_block(schedule):
    first = schedule.it.next("a")
    assert schedule.report(first, "bad_problem") == [0, 1, 2, 3]
    assert list(schedule.it.done(first)) == []
    assert [schedule.it.next(worker) for worker in "ab"] == [None, None]
