"""Every command and every piece of code in docs/testing_a_plugin.md, run as it stands; and its table of checks."""

import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from click.testing import CliRunner

from estibench.cli import bench
from estibench.testing.kit import check_names

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "testing_a_plugin.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", PAGE, flags=re.DOTALL)
PROGRAMS = {"bench": ["-m", "estibench"], "pytest-benchmark": ["-m", "pytest_benchmark"], "python": []}
DENSITY = re.search(
    r"```python\n(from dataclasses.*?)```",
    (ROOT / "docs" / "writing_a_density.md").read_text(encoding="utf-8"),
    flags=re.DOTALL,
)


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


def run(environment, line, cwd):
    """One line of the page, in the environment; what it installs comes without its dependencies, which are there."""
    program, *arguments = shlex.split(line)
    python, packages = environment
    if program == "pip":
        assert arguments == ["install", "-e", ".[test]"]
        offline = ["--quiet", "--no-deps", "--no-build-isolation", "--target", str(packages), "."]
        command = [sys.executable, "-m", "pip", "install", *offline]
    else:
        command = [str(python), *PROGRAMS[program], *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("line", [line for block in BLOCKS for line in block.splitlines() if line.startswith("bench ")])
def test_every_command_is_one_that_there_is(line):
    """Its words and options; the folder that it asks for need not be there."""
    done = CliRunner().invoke(bench, [*shlex.split(line)[1:], "--help"])
    assert done.exit_code == 0, done.output


@pytest.mark.nightly  # test_scaffold.py runs what every template makes, and the next test begins as this one does
def test_from_nothing_to_a_table(environment, tmp_path):
    folder, said = tmp_path, {}
    for line in BLOCKS[0].splitlines():
        if line.startswith("cd "):
            folder = folder / line.removeprefix("cd ")
        else:
            said[line.split()[0] + line.split()[1]] = run(environment, line, folder)
    assert "passed" in said["python-m"]
    assert "failed" not in said["python-m"]
    assert " passed" in said["benchplugin"]
    assert "0 refuted" in said["benchrun"]
    assert "zig_zag(probes=40)" in said["pytest-benchmarkcompare"]


def test_a_task_of_ones_own(environment, tmp_path):
    run(environment, "bench plugin new estibench-own_thing --task own", tmp_path)
    folder = tmp_path / "estibench-own-thing"
    run(environment, 'pip install -e ".[test]"', folder)
    tested = run(environment, "python -m pytest -q --benchmark-max-time=0.05", folder)
    assert "passed" in tested
    assert "8 cells" in run(environment, "bench plan suite.yaml", folder)
    assert "estibench-own-thing 0.1.0" in run(environment, "bench list estimators", folder)


@pytest.mark.nightly  # whole plugins, as test_built_in.py checks them in one process
def test_the_commands_of_the_kit(environment, tmp_path):
    (tmp_path / "my_density.py").write_text(DENSITY[1], encoding="utf-8")
    for line in BLOCKS[1].splitlines():
        said = run(environment, f"{line} --draws=64 --seconds=3600", tmp_path)
        assert "passed" in said
        assert '"failed"' not in said


def test_the_code_of_the_page(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len(blocks) == 4
    for number, block in enumerate(blocks):
        (tmp_path / f"test_page_{number}.py").write_text(block, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--benchmark-max-time=0.05"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout
    assert "test_speed" in done.stdout


def test_every_check_is_explained_in_its_own_words():
    for name, summary in check_names().items():
        assert f"| `{name}` | {summary} |" in PAGE
