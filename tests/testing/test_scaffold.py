"""`bench plugin new`: what it writes installs into a fresh environment, passes its tests at once, and is measured."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from estibench.cli import bench
from estibench.errors import UserError
from estibench.scaffold.write import known_tasks, names_of, write_plugin


@pytest.mark.parametrize("task", known_tasks())
def test_what_is_written_is_clean(host, tmp_path, task):
    """No trace of a template is left, and ruff finds nothing."""
    names = names_of("clean-one", task, host)
    files = write_plugin(names, task, tmp_path / "new")
    assert {"pyproject.toml", "README.md", "hooks.py", "suite.yaml", ".gitignore"} <= {path.name for path in files}
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    for leftover in ("{{ ", "PACKAGE}/", "MODULE", ".j2"):
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
        ("mine", "score_gradient", "there are templates for own, trace"),
    ],
)
def test_names_and_tasks_that_cannot_be_used(host, name, task, message):
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        names_of(name, task, host)


def test_nothing_is_overwritten(tmp_path):
    target = tmp_path / "new"
    target.mkdir()
    (target / "mine.txt").write_text("precious")
    done = CliRunner().invoke(bench, ["plugin", "new", "mine", "-o", str(target)])
    assert isinstance(done.exception, UserError)
    assert "already exists and is not empty" in str(done.exception)
    assert [path.name for path in target.iterdir()] == ["mine.txt"]
