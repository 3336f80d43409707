"""`bench plugin new`: what it writes installs into a fresh environment, passes its tests at once, and is measured."""

import os
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

import estibench
from estibench import host as plugin_host
from estibench.cli import bench
from estibench.errors import UserError
from estibench.scaffold.write import _example, known_tasks, names_of, start_of, write_plugin

TASKS = known_tasks(plugin_host.current())
# Each by a pytest of its own; the others' take longer, and run through the same templates.
QUICK = ("own", "synthetic", "score_estimate", "categorical_sampling")
LONG = {"cnf_fit"}  # the exact truth of its suite takes half a minute


def test_every_task_can_be_begun_with(host):
    assert set(TASKS) == {"own", *(entry.name for entry in host.tasks)}
    assert len(TASKS) == 22


@pytest.mark.parametrize("task", TASKS)
def test_what_is_written_is_clean(host, tmp_path, task):
    """No trace of a template is left, and ruff finds nothing."""
    names = names_of("clean-one", task, host)
    files = write_plugin(names, start_of(names, task, host), tmp_path / "new")
    assert {"pyproject.toml", "README.md", "hooks.py", "suite.yaml", ".gitignore"} <= {path.name for path in files}
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    assert "class CleanOne(" in text
    for leftover in ("{{ ", "{% ", "PACKAGE}/", "MODULE", ".j2", "Example", "to begin with"):
        assert leftover not in text
    ruff = [sys.executable, "-m", "ruff", "check", "--select=E,F,W,B,UP", "--no-cache", "--line-length=120"]
    done = subprocess.run([*ruff, str(tmp_path / "new")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "task", "message"),
    [
        ("9lives", "trace", "cannot name a plugin: expected lower-case letters"),
        ("Upper", "trace", "cannot name a plugin: expected lower-case letters"),
        ("../up", "trace", "cannot name a plugin: expected lower-case letters"),
        ("a" * 41, "trace", "at most 40 of them"),
        ("class", "trace", "'class' or 'Class' means something else already"),
        ("estimator", "trace", "means something else already"),
        ("hooks", "trace", "means something else already"),
        ("hutchinson", "trace", "estimator 'hutchinson' is already registered by estibench"),
        ("mine", "tracce", "no template for the task 'tracce'; did you mean 'trace'?"),
        ("mine", "nothing", "no template for the task 'nothing'"),
    ],
)
def test_names_and_tasks_that_cannot_be_used(host, name, task, message):
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        names_of(name, task, host)


@pytest.mark.nightly
@pytest.mark.parametrize("task", QUICK)
def test_its_tests_pass_at_once(host, tmp_path, task):
    names = names_of("fresh", task, host)
    write_plugin(names, start_of(names, task, host), tmp_path)
    done = pytest_in(tmp_path, names)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr


@pytest.mark.parametrize(
    "task", [pytest.param(task, marks=[pytest.mark.nightly] * (task in LONG)) for task in TASKS if task != "own"]
)
def test_its_suite_runs(host, tmp_path, task, monkeypatch):
    """With few draws and no times, in this process; the estimator is ok in its rows."""
    names = names_of(f"fresh-{task.replace('_', '-')}", task, host)
    write_plugin(names, start_of(names, task, host), tmp_path)
    suite = tmp_path / "suite.yaml"
    text = suite.read_text(encoding="utf-8").replace("min: 128, max: 512", "min: 4, max: 4")
    text = re.sub(r'"steps": \d+', '"steps": 2', text)  # of a training
    suite.write_text(text + "timing: {rounds: 0}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path / "src"))
    try:
        plugin_host.start([str(tmp_path / "src" / names.package / "hooks.py")])
        frame = estibench.run(suite, directory=tmp_path / "run", engine="serial").frame
    finally:
        plugin_host.start()
    assert names.name in set(frame["estimator_name"])
    assert set(frame["status"]) == {"ok"}


def test_an_example_that_is_not_there_is_said():
    with pytest.raises(UserError, match="the task 'mine' names the example 'nowhere', of which there is no Example"):
        _example("nowhere", "mine")
    with pytest.raises(UserError, match="no Example"):
        _example("estibench_score.noise", "mine")


def environment(folder, names):
    """One in which the distribution is found, as if it were installed."""
    about = folder / "src" / f"{names.package}-0.1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {names.distribution}\nVersion: 0.1.0\n")
    (about / "entry_points.txt").write_text(f"[estibench]\n{names.name} = {names.package}.hooks\n")
    return {**os.environ, "PYTHONPATH": str(folder / "src")}


def pytest_in(folder, names):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--benchmark-disable", str(folder)]
    env = environment(folder, names)
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=env)


def test_nothing_is_overwritten(tmp_path):
    target = tmp_path / "new"
    target.mkdir()
    (target / "mine.txt").write_text("precious")
    done = CliRunner().invoke(bench, ["plugin", "new", "mine", "-o", str(target)])
    assert isinstance(done.exception, UserError)
    assert "already exists and is not empty" in str(done.exception)
    assert [path.name for path in target.iterdir()] == ["mine.txt"]
