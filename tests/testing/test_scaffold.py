"""`bench plugin new`: what it writes installs into a fresh environment, passes its tests at once, and is measured."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from click.testing import CliRunner

import estibench
from estibench.cli import bench
from estibench.errors import UserError
from estibench.scaffold.write import known_tasks, names_of, write_plugin

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """An empty environment that sees this checkout and the running environment's dependencies."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / "lib" / version / "site-packages"
    paths = [sysconfig.get_path("purelib"), str(ROOT / "harness"), str(ROOT / "plugins")]
    (packages / "dependencies.pth").write_text("\n".join(paths) + "\n")
    return folder / "bin" / "python", packages


def run(environment, *arguments, cwd):
    done = subprocess.run([str(environment[0]), "-m", *arguments], capture_output=True, text=True, cwd=cwd, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(("name", "task", "cells"), [("zig-zag", "trace", 21), ("estibench-own_thing", "own", 8)])
def test_a_new_plugin_installs_passes_its_tests_and_is_measured(environment, tmp_path, name, task, cells):
    folder = tmp_path / "new"
    run(environment, "estibench", "plugin", "new", name, "--task", task, "-o", str(folder), cwd=tmp_path)
    install = ["pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(environment[1])]
    subprocess.run([sys.executable, "-m", *install, str(folder)], check=True, capture_output=True)

    plain = name.removeprefix("estibench-").replace("-", "_")
    tested = run(environment, "pytest", "-q", "-p", "no:cacheprovider", "--benchmark-max-time=0.05", cwd=folder)
    assert "passed" in tested
    assert "failed" not in tested
    assert "xpassed" not in tested
    listed = run(environment, "estibench", "list", "estimators", cwd=tmp_path)
    assert any(plain in line and f"estibench-{plain.replace('_', '-')} 0.1.0" in line for line in listed.splitlines())
    suite = str(folder / "suite.yaml")
    if task == "trace":
        assert f"{cells} cells" in run(environment, "estibench", "plan", suite, cwd=tmp_path)
    else:
        run(environment, "estibench", "run", "--engine=serial", suite, "-o", str(tmp_path / "run"), cwd=tmp_path)
        frame = estibench.load(tmp_path / "run")
        assert len(frame) == cells
        assert set(frame["status"]) == {"ok"}
        assert (frame["claims_refuted"] == 0).all()
        assert frame["claims_supported"].sum() >= 3 * cells


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
