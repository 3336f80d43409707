"""The exported times against pytest-benchmark itself: its statistics, and its `compare` command."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

import estibench
from estibench.exports.pytest_benchmark import export, stats
from estibench.results import Results


@pytest.mark.parametrize("rounds", [1, 2, 3, 4, 5, 6, 7, 11, 24, 33])
def test_statistics_are_those_of_pytest_benchmark(rounds):
    from pytest_benchmark.stats import Stats

    draw = random.Random(rounds)
    times = [draw.lognormvariate(-7, 1.5) for _ in range(rounds)]
    theirs = Stats()
    for time in times:
        theirs.update(time)
    ours = stats(times)
    for name, value in theirs.as_dict().items():
        expected = value if isinstance(value, str) else pytest.approx(value, rel=1e-9)
        assert ours[name] == expected, name


SUITE = """
name: times
draws: {min: 64, max: 64}
timing: {rounds: 7}
problems:
  - {name: matrix, dim: [16, 32]}
estimators:
  - {name: hutchinson, probes: [1, 64]}
  - xnystrace
  - {name: hutchpp, matvecs: 48}
"""


def test_the_real_command_reads_a_real_run(suite_file, tmp_path):
    results = estibench.run(suite_file(SUITE), directory=tmp_path / "run", engine="serial")
    export(results)
    path = tmp_path / "run" / "pytest_benchmark.json"
    content = json.loads(path.read_text())
    frame = results.frame.set_index(["problem", "estimator"])
    timed = frame[frame["status"] == "ok"]
    assert len(content["benchmarks"]) == len(timed) < len(frame), "hutchpp does not fit into 16 dimensions"
    for one in content["benchmarks"]:
        row = timed.loc[(one["params"]["problem"], one["params"]["estimator"])]
        assert one["stats"]["median"] == row["time"]
        assert one["stats"]["rounds"] == 7
        assert one["stats"]["iterations"] == row["time_loops"]
        assert one["extra_info"]["mse"] == row["mse"]
        assert one["extra_info"]["cost_matvec"] == row["cost_matvec"]

    command = [sys.executable, "-m", "pytest_benchmark", "compare", str(path), "--columns=median,rounds,iterations"]
    command.append(f"--csv={tmp_path / 'compared.csv'}")
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert "hutchinson(probes=64)" in done.stdout
    assert "matrix(dim=32), cpu, float32" in done.stdout, "one group for each block"
    lines = (tmp_path / "compared.csv").read_text().splitlines()
    assert len(lines) == 1 + len(timed)


def test_a_run_without_times_has_no_file(tmp_path):
    rows = [
        {"status": "failed", "problem": "p", "estimator": "e"},
        {"status": "ok", "problem": "p", "estimator": "f"},
    ]
    assert export(Results(Path(tmp_path), {}, rows)) == []
    assert list(tmp_path.iterdir()) == []
