"""The fixture `bench_cell` and `parametrize_with_checks`, in pytest runs of their own."""

import json
import subprocess
import sys

import pytest

CELL = """
import pytest
from estibench_trace.matrix import Matrix
from estibench_trace.hutchinson import Hutchinson

def test_speed(bench_cell):
    row = bench_cell(Matrix(dim=32, spectrum="poly"), Hutchinson(probes=4), draws=256)
    assert row["status"] == "ok"
    assert row["claims_refuted"] == 0
    assert row["claims_supported"] >= 3
    assert row["cost_matvec"] == 4
    assert row["bias_low"] <= row["bias"] <= row["rmse"]
    assert row["relative_rmse"] < 1

def test_names(bench_cell):
    assert bench_cell("structured_matrix", "exact")["mse"] < 1e-20

def test_unsupported(bench_cell):
    bench_cell(Matrix(dim=8), "xtrace")
"""


def pytest_in(folder, text, *options):
    (folder / "test_cells.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider", *options, "test_cells.py"]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


def test_a_cell_is_timed_measured_and_kept(tmp_path):
    done = pytest_in(tmp_path, CELL, "--benchmark-json=out.json", "--benchmark-max-time=0.05", "--benchmark-only")
    assert "2 passed, 1 skipped" in done.stdout, done.stdout + done.stderr
    assert "unsupported: " in done.stdout
    first, second = json.loads((tmp_path / "out.json").read_text())["benchmarks"]
    assert first["name"] == "test_speed"
    info = first["extra_info"]
    assert info["problem"] == "matrix(dim=32, spectrum=poly)"
    assert info["estimator"] == "hutchinson(probes=4)"
    assert {"mse", "mse_low", "mse_high", "bias", "variance", "cost_matvec", "peak_bytes", "draws"} <= set(info)
    assert info["draws"] == 256
    assert second["extra_info"]["estimator"] == "exact"


def test_disabled_benchmarks_still_measure_accuracy(tmp_path):
    done = pytest_in(tmp_path, CELL, "--benchmark-disable")
    assert "2 passed, 1 skipped" in done.stdout, done.stdout + done.stderr


def test_without_pytest_benchmark_it_is_skipped_with_the_reason(tmp_path):
    text = "def test_speed(bench_cell): bench_cell('matrix', 'exact')\n"
    done = pytest_in(tmp_path, text, "-p", "no:benchmark")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 skipped" in done.stdout
    assert "pip install pytest-benchmark" in done.stdout


def test_pytest_starts_without_torch(tmp_path):
    text = "import sys\n\ndef test_light(): assert not {'torch', 'numpy', 'pandas', 'scipy'} & set(sys.modules)\n"
    done = pytest_in(tmp_path, text)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


CHECKS = """
from dataclasses import dataclass
from estibench import Estimator, Unbiased
from estibench.testing import Effort, parametrize_with_checks
from estibench_trace.matrix import Matrix

@dataclass(frozen=True)
class Half(Estimator):
    '''Half of the trace, by one probe.'''
    claims = (Unbiased(),)
    citation = "Wrong on purpose."
    def estimate(self, problem, generator):
        import torch
        operator = problem.operator()
        v = torch.randn(1, operator.batch, operator.dim, generator=generator, dtype=problem.torch_dtype)
        return 0.5 * (v * operator.rmatvec(v)).sum(-1).mean(0)

@parametrize_with_checks(
    [Half],
    on=Matrix(dim=8),
    expected_failures={"registered": "lives in this file", "claims": "half", "documented": "REASON"},
    effort=Effort(draws=128, seconds=3600),
)
def test_conforms(check):
    check()

@parametrize_with_checks([Half], on=Matrix(dim=8), effort=Effort(draws=128, seconds=3600))
def test_claims(check):
    if check.name == "claims":
        check()
"""


def test_checks_are_tests_with_names_and_strict_reasons(tmp_path):
    """Two failures: an expected one that does not come, and one that nobody expects, which explains itself."""
    done = pytest_in(tmp_path, CHECKS)
    assert "2 failed" in done.stdout, done.stdout + done.stderr
    assert "2 xfailed" in done.stdout
    assert "[XPASS(strict)] REASON" in done.stdout
    assert "test_conforms[Half on matrix(dim=8)-claims] - half" in done.stdout
    assert "FAILED test_cells.py::test_claims[Half on matrix(dim=8)-claims]" in done.stdout
    for part in ("found: unbiased: measured", "expected: 0", "what to do: correct the formula or the estimator"):
        assert part in done.stdout


@pytest.mark.parametrize("name", ["check_estimator", "check_problem", "check_density"])
def test_functions_raise_with_all_failures(zoo, name):
    from estibench import testing

    wrong = {"check_estimator": zoo.WrongShape, "check_problem": zoo.NoTruthSource, "check_density": zoo.WrongScore}
    more = [zoo.Mean] if name == "check_estimator" else []
    with pytest.raises(testing.ConformanceError, match="checks failed") as caught:
        getattr(testing, name)(wrong[name], *more)
    assert "what to do: " in str(caught.value)
    silent = getattr(testing, name)(wrong[name], *more, raise_on_failure=False)
    assert any(outcome.is_bad for outcome in silent)
