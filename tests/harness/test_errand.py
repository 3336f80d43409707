"""`make cuda` without a device: a step that passes, one that fails and the next, what it leaves, and going on."""

import importlib.util
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

CUDA = Path(__file__).parents[1] / "cuda"


@pytest.fixture
def script(monkeypatch):
    """The module tests/cuda/run.py."""
    spec = importlib.util.spec_from_file_location("estibench_errand", CUDA / "run.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def test_the_machine_is_described_on_the_processor(tmp_path, patience):
    """The command of a person, as it is written in the docs."""
    command = [sys.executable, str(CUDA / "run.py"), "--device", "cpu", "--only", "machine", "--out", str(tmp_path)]
    command += ["--limit", str(patience)]
    wheels = CUDA.parents[1] / "build" / "cuda-wheels"
    if wheels.exists():
        pytest.skip("make cuda-pack has collected wheels, which would be installed")
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=patience)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "machine          passed" in done.stdout
    found = json.loads((tmp_path / "machine.json").read_text())
    assert found["device"] == "cpu"
    assert found["machine"]
    assert [one["name"] for one in json.loads((tmp_path / "summary.json").read_text())["steps"]] == ["machine"]
    with tarfile.open(tmp_path / "out.tar.gz") as archive:
        assert {"machine.json", "summary.json", "summary.md", "logs/machine.log"} <= set(archive.getnames())


def test_a_step_that_fails_stops_no_other_and_is_tried_again(script, tmp_path, patience):
    def says(text, code=0):
        return [sys.executable, "-c", f"print({text!r}); raise SystemExit({code})"]

    steps = [
        script.Step("bad", says("FAILED tests/a.py::b - no", 1), patience),
        script.Step("worse", [sys.executable, "-c", "raise ValueError('broken')"], patience),
        script.Step("late", says("half of it", 3), patience),
        script.Step("good", says("fine"), patience),
    ]
    errand = script.Errand(tmp_path, "cpu", 10 * patience)
    for step in steps:
        errand.do(step)
    found = {name: (one.status, one.failures) for name, one in errand.outcomes.items()}
    assert found["bad"] == ("failed", ["tests/a.py::b - no"])
    assert found["worse"][0] == "failed"
    assert found["worse"][1][-1] == "ValueError: broken"
    assert (found["late"], found["good"]) == (("stopped", []), ("passed", []))
    assert "ValueError: broken" in (tmp_path / "summary.md").read_text()

    again = script.Errand(tmp_path, "cpu", 10 * patience)
    (tmp_path / "logs" / "good.log").unlink()
    for step in [script.Step("bad", says("mended"), patience), *steps[1:]]:
        again.do(step)
    assert again.outcomes["bad"].status == "passed"
    assert not (tmp_path / "logs" / "good.log").exists(), "what has passed is not done again"


def test_without_time_a_step_is_not_begun_and_says_so(script, tmp_path):
    errand = script.Errand(tmp_path, "cpu", 0)
    errand.do(script.Step("machine", ["no such command"], 60))
    assert errand.outcomes["machine"].status == "no time left"


def test_every_step_has_its_files(script, tmp_path):
    steps = script.steps("cpu", tmp_path)
    assert [step.name for step in steps] == ["machine", "tests", "clock", *script.SUITES, "conformance"]
    assert sum(step.limit for step in steps) <= 600
    named = [Path(part) for step in steps for part in step.command if part.endswith((".py", ".yaml"))]
    assert [path for path in named if not (script.ROOT / path).exists()] == []
    assert any(path.name == "test_on_accelerator.py" for path in named)


@pytest.mark.parametrize("name", sorted(path.stem for path in CUDA.glob("*_short.yaml")))
def test_a_short_suite_is_a_suite(host, name):
    from estibench.suite import read_suite

    assert read_suite(CUDA / f"{name}.yaml", host, "cuda").cells
