"""A third party's distribution, installed into an environment of its own, next to a wheel of estibench."""

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "tests" / "example_plugin"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A standard wheel of estibench, built from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def environment(tmp_path_factory, wheel):
    """An empty environment with the wheel and the example plugin; only dependencies come from the running one.

    The running environment's site-packages are on its path, but not its `.pth` files: its editable estibench is not.
    """
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / "lib" / version / "site-packages"
    for source in (wheel, EXAMPLE):
        install = ["pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(packages)]
        subprocess.run([sys.executable, "-m", *install, str(source)], check=True, capture_output=True)
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def bench(python, *arguments, cwd):
    command = [str(python), "-m", "estibench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def test_the_wheel_ships_packages_and_suites(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for name in (
        "estibench/__init__.py",
        "estibench/py.typed",
        "estibench/suites/trace.yaml",
        "estibench/exports/templates/report.html.j2",
        "estibench/scaffold/templates/common/.gitignore.j2",
        "estibench/scaffold/templates/estimator/src/PACKAGE/hooks.py.j2",
        "estibench_score/examples/loss.py",
        "estibench_trace/hooks.py",
        "estibench_densities/hooks.py",
    ):
        assert name in names
    assert not any(name.startswith(("tests/", "harness/", "plugins/")) for name in names)


def test_the_wheel_alone_is_what_runs(environment, tmp_path):
    code = "import estibench; print(estibench.__file__)"
    done = subprocess.run([str(environment), "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert str(environment.parent.parent) in done.stdout
    plan = bench(environment, "plan", "trace", cwd=tmp_path)
    assert plan.returncode == 0, plan.stderr
    assert "cells" in plan.stdout


def test_the_plugin_is_listed_and_measured(environment, tmp_path):
    listed = bench(environment, "list", "estimators", cwd=tmp_path)
    assert listed.stderr == ""
    (line,) = [line for line in listed.stdout.splitlines() if "unit_vector" in line]
    assert "estibench-example 1.0.0" in line
    shown = bench(environment, "show", "unit_vector", cwd=tmp_path).stdout
    assert "Avron and Toledo" in shown
    assert "variance = (m Σ a_ii² − t²)/k" in shown

    done = bench(environment, "run", EXAMPLE / "suite.yaml", "-o", tmp_path / "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    import estibench

    frame = estibench.load(tmp_path / "run").frame
    for name, cells in {"unit_vector": 10, "ralston": 3}.items():
        mine = frame[frame["estimator_name"] == name]
        assert len(mine) == cells
        assert set(mine["status"]) == {"ok"}
        assert (mine["claims_refuted"] == 0).all()
        assert (mine["claims_supported"] >= 2).all()
    solved = frame[frame["estimator_name"] == "ralston"]
    assert (solved["error_discretised"] < 1e-6).all(), "it shows its solver"
    others = frame[frame["estimator_name"].isin(["two_slices", "swapped_pair", "random_walk"])]
    assert len(others) == 3
    assert set(others["status"]) == {"ok"}
    assert (others["claims_refuted"] == 0).all()
    assert "unit_vector" in done.stdout


@pytest.mark.nightly  # the run above holds all of it to its claims, and test_pytest_plugin.py runs the kit in a pytest
def test_the_plugins_own_tests_pass(environment, tmp_path):
    command = [str(environment), "-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE / "tests")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
