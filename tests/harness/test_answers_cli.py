"""`bench plot`, `bench compare` and `bench recommend` as a user meets them, on runs that were measured for it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

# An estimator of a trace that somebody breaks from one version to the next.
PLUGIN = """
from dataclasses import dataclass
import torch
from estibench import Estimator, EstimatorEntry, hookimpl

@hookimpl
def bench_estimators():
    return [EstimatorEntry("mine", __name__ + ":Mine", "mine", tasks=("trace",))]

@dataclass(frozen=True)
class Mine(Estimator):
    '''Hutchinson's, by hand.'''
    probes: int = 4

    def estimate(self, problem, generator):
        operator = problem.operator()
        shape = (self.probes, operator.batch, operator.dim)
        v = torch.randn(shape, generator=generator, dtype=problem.torch_dtype).sign()
        return (v * operator.rmatvec(v)).sum(-1).mean(0){BREAK}
"""
SUITE = """
name: small
draws: {min: 256, max: 256}
timing: {rounds: 0}
baseline: {name: hutchinson, probes: 1}
problems: [{name: matrix, dim: [8, 32], spectrum: poly}]
estimators: [exact, {name: hutchinson, probes: [1, 4]}, mine]
plots: [{kind: regime}, {kind: verdicts}]
"""


# Measures three runs in a process of its own: `sound`, `again` with other draws, `broken` with a changed plugin.
MEASURE = """
import sys
from pathlib import Path
import estibench
from estibench import host
plugin, suite = sys.argv[1:]
for name, seed, broken in (("sound", 0, ""), ("again", 1, ""), ("broken", 0, " * 1.5")):
    Path(f"{name}.py").write_text(plugin.replace("{BREAK}", broken))
    Path("suite.yaml").write_text(suite + f"seed: {seed}\\n")
    host.start([f"{name}.py"])
    assert estibench.run("suite.yaml", directory=f"results/runs/{name}", engine="serial").exit_code == 0
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three runs."""
    folder = tmp_path_factory.mktemp("place")
    subprocess.run([sys.executable, "-c", MEASURE, PLUGIN, SUITE], cwd=folder, check=True)
    return folder


@pytest.fixture
def bench(bench: Callable[..., Any], place: Path) -> Callable[..., Any]:
    """Runs a command in that folder."""
    return partial(bench, cwd=place)


def test_a_suite_may_ask_for_the_new_figures(bench: Callable[..., Any], place: Path) -> None:
    assert bench("export", "sound").code == 0
    names = {path.name for path in (place / "results/runs/sound/plots").iterdir()}
    assert {"regime.svg", "regime.png", "verdicts.svg", "verdicts.png"} <= names


@pytest.mark.parametrize("kind", ["error_cost", "regime", "verdicts"])
def test_plot_writes_a_pdf(bench: Callable[..., Any], tmp_path: Path, kind: str) -> None:
    done = bench("plot", "sound", "--kind", kind, "-o", tmp_path / "figure.pdf")
    assert done.code == 0, done.err
    assert done.out.startswith(f"{tmp_path / 'figure.pdf'}: ")
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plot", "sond"], "sond: there is no such run; did you mean 'sound'?"),
        (["plot", "sound", "--x", "wrk"], "--x: unknown column 'wrk'; did you mean 'work'?"),
        (
            ["plot", "sound", "--x", "cost_matvecs"],
            "--x: the run has no column 'cost_matvecs'; did you mean 'cost_matvec'?",
        ),
        (["plot", "sound", "--problem", "matrx"], "--problem: the run has no problem 'matrx'; did you mean 'matrix'?"),
        (
            ["plot", "sound", "--kind", "regime", "--x", "work"],
            "--x: the x of a regime map is a parameter of the problem, problem_…",
        ),
        (
            ["plot", "sound", "--kind", "regime", "--y", "mse_tim"],
            "--y: winners of a regime map are by mse or mse_work or mse_time, got",
        ),
        (["plot", "sound", "--kind", "verdicts", "--x", "work"], "--x: a verdict matrix has no choice of x"),
        (["plot", "sound", "--kind", "curves"], "results/runs/sound: nothing to draw"),
        (["plot", "sound", "-o", "figure.jpg"], "figure.jpg: expected a name that ends with .svg, .pdf, .png"),
        (["compare", "sound", "results"], "results: not a run directory: it has no run.json"),
        (["recommend", "trac"], "no run has measured the task 'trac'; did you mean 'trace'?"),
        (["recommend", "trace", "--device", "gpu"], "--device: no run of the task 'trace' has 'gpu'"),
    ],
)
def test_mistakes_are_one_line(bench: Callable[..., Any], arguments: list[str], message: str) -> None:
    done = bench(*arguments)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert message in done.err


def test_compare_sees_nothing_in_other_draws_of_the_same(bench: Callable[..., Any]) -> None:
    done = bench("compare", "sound", "again", "--fail-on", "change")
    assert done.code == 0, done.out
    assert "The seeds are 0 and 1: the draws are independent." in done.out
    assert done.out.strip().endswith("No change was found.")
    itself = bench("compare", "sound", "sound", "--format", "json")
    assert {change["verdict"] for change in json.loads(itself.out)["changes"]} == {"identical"}


def test_compare_finds_the_broken_estimator_and_nothing_else(bench: Callable[..., Any]) -> None:
    done = bench("compare", "sound", "broken", "--format", "json", "--fail-on", "regression")
    assert done.code == 1
    changed = [one for one in json.loads(done.out)["changes"] if one["verdict"] not in ("identical", "same")]
    assert {(one["estimator"], one["quantity"], one["verdict"]) for one in changed} >= {("mine", "mse", "worse")}
    assert {one["estimator"] for one in changed} == {"mine"}
    assert bench("compare", "sound", "broken").code == 0  # unless asked to fail
    text = bench("compare", "sound", "broken", "--format", "md").out
    assert "| worse | matrix(dim=32, spectrum=poly) | mine | MSE | × " in text


def test_compare_reads_published_runs(place: Path, bench: Callable[..., Any]) -> None:
    published = place / "results/published/sound"
    published.mkdir(parents=True, exist_ok=True)
    for name in ("run.json", "table.parquet"):
        shutil.copy(place / "results/runs/sound" / name, published / name)
    done = bench("compare", "results/published/sound", "broken", "--fail-on", "regression")
    assert done.code == 1, done.out  # from intervals alone, for no draws are published


# An estimator that claims to be unbiased, and is not.
WRONG = PLUGIN.replace("import Estimator,", "import Estimator, Unbiased,").replace(
    "    probes: int = 4\n", "    probes: int = 4\n    claims = (Unbiased(),)\n"
)


def test_run_fails_on_refuted_claims_where_it_is_asked_to(tmp_path: Path, bench: Callable[..., Any]) -> None:
    """The exit code, the line that says why, and the mark beside a winner whose claim was refuted."""
    suite = SUITE.replace("exact, {name: hutchinson, probes: [1, 4]}, mine", "mine")
    (tmp_path / "suite.yaml").write_text(suite.replace("{name: hutchinson, probes: 1}", "mine"))
    (tmp_path / "wrong.py").write_text(WRONG.replace("{BREAK}", " * 1.5"))
    run = partial(bench, "-p", "wrong.py", "run", "suite.yaml", "--engine", "serial", cwd=tmp_path)
    done = run("--fail-on", "refuted")
    assert done.code == 1, done.err
    assert done.err.splitlines()[-1] == "--fail-on refuted: 2 claims were refuted"
    assert "mine ✗" in done.out
    assert run().code == 0  # unless asked to fail
    assert run("--fail-on", "often").code == 2


@pytest.mark.parametrize(
    ("statuses", "verdicts", "codes"),
    [
        (["ok"], ["supported"], (0, 0, 0, 0)),
        (["ok"], ["supported", "undecided"], (0, 0, 0, 1)),
        (["ok"], ["refuted"], (0, 0, 1, 1)),
        (["ok", "failed"], ["supported"], (0, 1, 1, 1)),
        (["ok", "bad_problem"], ["refuted"], (2, 2, 2, 2)),
    ],
)
def test_what_a_run_fails_on(statuses: list[str], verdicts: list[str], codes: tuple[int, ...]) -> None:
    from estibench.cli.run import exit_code
    from estibench.results import Results

    p_values = {"supported": (0.5, 1e9), "undecided": (0.5, 0.0), "refuted": (1e-30, 1e9)}
    test = {"claim": "unbiased", "measured": 0.0, "claimed": 0.0, "numerator": 1.0, "denominator": 60.0}
    claims = [{**test, "p_value": p_values[one][0], "noncentrality": p_values[one][1]} for one in verdicts]
    where = {"problem": "p", "device": "cpu", "dtype": "float32"}
    rows = [{**where, "estimator": str(at), "status": status, "claims": []} for at, status in enumerate(statuses)]
    rows[0]["claims"] = claims
    results = Results(Path(), {"devices_auto": True}, rows)
    assert tuple(exit_code(results, fail_on) for fail_on in ("never", "failed", "refuted", "undecided")) == codes


def test_recommend(bench: Callable[..., Any]) -> None:
    done = bench("recommend", "trace", "--dim", "16", "--budget", "4", "--run", "sound")
    assert done.code == 0, done.err
    assert "Dimension 16 was not measured: the evidence is from 8, 32." in done.out
    assert done.out.startswith("Use ")
    exact = bench("recommend", "trace", "--dim", "8", "--budget", "8", "--json", "--run", "sound")
    assert json.loads(exact.out)["answer"].startswith("Use exact: the smallest RMSE, beyond doubt.")


def test_recommend_without_runs(tmp_path: Path, bench: Callable[..., Any]) -> None:
    done = bench("recommend", "trace", cwd=tmp_path)
    assert done.code == 2
    assert "no finished run was found in results/runs or results/published" in done.err
