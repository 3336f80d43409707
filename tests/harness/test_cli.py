"""The command line as a user meets it: output, exit codes, and no traceback for a user's mistake."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import estibench

PLUGINS = Path(__file__).parent / "plugins"
SUITE = """
name: small
title: A small suite
draws: {max: 128}
timing: {rounds: 3}
problems:
  - {name: matrix, dim: [8, 16, 32], spectrum: flat}
estimators:
  - exact
  - {name: hutchinson, probes: [1, 4]}
scaling: [{y: cost_matvec}]
tables: [{name: error, value: relative_rmse}]
plots: [{kind: error_cost}]
"""


@pytest.fixture
def suite(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SUITE, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A run of the suite, measured once, in a process of its own: its directory, and what it has printed."""
    folder = tmp_path_factory.mktemp("measured")
    (folder / "small.yaml").write_text(SUITE, encoding="utf-8")
    command = [sys.executable, "-m", "estibench", "run", "small.yaml", "-o", "run"]
    surroundings = {**os.environ, "COLUMNS": "120"}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=surroundings, check=False)
    return folder / "run", done


@pytest.fixture
def run(measured, tmp_path):
    """A copy of that run."""
    return shutil.copytree(measured[0], tmp_path / "run")


def test_a_run_from_end_to_end(measured):
    folder, done = measured
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "quiet when stderr is no terminal"
    assert "trace, 3 problems, by MSE × time:" in done.stdout
    assert len(done.stdout.splitlines()) <= 15
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {"run.json", "cells.jsonl", "table.parquet", "table.csv", "report.html"} <= names
    assert not {name for name in names if name.startswith(("plots/", "tables/"))}, "nobody has asked for them"
    frame = estibench.load(folder).frame
    assert len(frame) == 9
    assert set(frame["status"]) == {"ok"}
    assert (frame["claims_refuted"] == 0).all()
    about = json.loads((folder / "run.json").read_text())
    assert about["suite"] == "small"
    assert about["machine"]["cores"] >= 1
    assert "torch" in about["distributions"]


def test_a_directory_holds_one_suite(bench, run, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(SUITE.replace("name: small", "name: other"), encoding="utf-8")
    again = bench("run", other, "-o", run)
    assert again.code == 2
    assert again.err.strip().endswith("already holds a run of the suite 'small'; choose another directory")


def test_what_takes_long_is_written_on_demand_and_kept_up_to_date(bench, suite, run):
    assert bench("export", run, "--only", "pytest_benchmark").out.strip() == f"1 file in {run}"
    assert not (run / "plots").exists()
    assert "did you mean 'plots'?" in bench("export", run, "--only", "plot").err
    small = (run / "report.html").stat().st_size
    done = bench("export", run)
    assert done.code == 0, done.err
    assert done.out.strip().endswith(f"files in {run}")
    names = {str(path.relative_to(run)) for path in run.rglob("*")}
    assert {"tables/error.md", "tables/error.tex", "plots/error_cost.svg", "pytest_benchmark.json"} <= names
    assert (run / "report.html").stat().st_size > small
    (run / "plots" / "error_cost.svg").unlink()
    assert bench("run", suite, "-o", run).code == 0
    assert (run / "plots" / "error_cost.svg").is_file()


def test_summary_says_the_answer_then_its_evidence(bench, measured):
    folder, run = measured
    done = bench("summary", folder)
    assert done.code == 0, done.err
    assert done.out.splitlines()[0] == run.stdout.splitlines()[0]
    assert "Most efficient (trace)" in done.out
    assert "Estimators over all problems" not in done.out
    assert "Estimators over all problems" in bench("summary", folder, "--all").out
    assert bench("summary", "nothing").err.startswith("nothing: there is no such run")


def test_the_default_directory_and_quiet(bench, suite, tmp_path):
    done = bench("run", suite, "--quiet", "--engine", "serial", cwd=tmp_path)
    assert done.code == 0, done.err
    (line,) = done.out.splitlines()
    assert line == "results/runs/small"
    assert (tmp_path / line / "table.parquet").is_file()


@pytest.mark.nightly
def test_accuracy_is_equal_bit_for_bit_in_two_runs(bench, suite, tmp_path):
    frames = []
    for name in ("one", "two"):
        assert bench("run", suite, "-q", "-o", tmp_path / name).code == 0
        frames.append(estibench.load(tmp_path / name).frame)
    columns = [name for name in frames[0] if "time" not in name and name != "claims"]
    assert "rmse" in columns
    assert frames[0][columns].equals(frames[1][columns])


def test_the_python_interface_is_the_same(suite, tmp_path):
    results = estibench.run(suite, directory=tmp_path / "run", engine="serial")
    assert results.exit_code == 0
    assert results.frame["relative_rmse"].notna().all()
    assert estibench.load(tmp_path / "run").frame.equals(results.frame)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "not valid YAML"),
        ("name: x\nproblems: [matrx]\nestimators: [exact]\n", "2:12: problems[0].name: unknown problem 'matrx'"),
        ("name: x\nproblems: [!!python/name:os.system matrix]\nestimators: [exact]\n", "is not allowed"),
        (
            "name: x\nproblems:\n - {name: matrix, dim: []}\nestimators: [exact]\n",
            "3:19: problems[0].dim: an empty grid",
        ),
        ("name: x\nproblems:\n - {name: matrix, dim: -8}\nestimators: [exact]\n", "greater than or equal to 1, got -8"),
        ("name: x\nproblems: [matrix]\nestimators: [exact]\nseed: -1\n", "4:1: seed: "),
    ],
)
@pytest.mark.parametrize("command", ["run", "plan"])
def test_bad_suites(bench, tmp_path, command, text, message):
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    done = bench(command, path, cwd=tmp_path)
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err
    assert len(done.err.splitlines()) == 1
    assert not (tmp_path / "results").exists(), "nothing was started"


def test_missing_and_unreadable_suites(bench, tmp_path):
    for argument in ("nothing.yaml", tmp_path):
        done = bench("run", argument, cwd=tmp_path)
        assert done.code == 2
        assert len(done.err.splitlines()) == 1


def test_failures_have_rows_and_exit_codes(bench, suite, tmp_path):
    text = SUITE.replace("- exact", "- exact\n  - raises\n  - never")
    suite.write_text(text.replace("dim: [8, 16, 32]", "dim: 8"))
    done = bench("-p", PLUGINS / "faulty.py", "run", suite, "-o", tmp_path / "run", "--engine", "serial")
    assert done.code == 1
    assert "Traceback" not in done.err + done.out
    frame = estibench.load(tmp_path / "run").frame.set_index("estimator")
    assert frame.loc["raises", ["status", "reason"]].tolist() == ["failed", "RuntimeError: it broke"]
    assert frame.loc["never", "status"] == "unsupported"
    assert frame.loc["exact", "status"] == "ok"

    suite.write_text(text.replace("  - raises\n", ""))
    again = bench("-p", PLUGINS / "faulty.py", "run", suite, "-q", "-o", tmp_path / "two", "--engine", "serial")
    assert again.code == 0


def test_a_truth_that_is_not_finite(bench, suite, tmp_path):
    suite.write_text(SUITE.replace("{name: matrix, dim: [8, 16, 32], spectrum: flat}", "{name: endless, dim: 8}"))
    done = bench("-p", PLUGINS / "faulty_problem.py", "run", suite, "-q", "-o", tmp_path / "run", "--engine", "serial")
    assert done.code == 2
    assert done.err.splitlines() == ["endless(dim=8): the problem's truth is not finite in 1 of 1 components"]


@pytest.mark.parametrize(("device", "code"), [("cuda:99", 1), ("auto", 0)])
def test_a_device_that_is_not_there(bench, suite, tmp_path, device, code):
    done = bench("run", suite, "-q", "--device", device, "-o", tmp_path / "run", CUDA_VISIBLE_DEVICES="")
    assert done.code == code, done.err
    frame = estibench.load(tmp_path / "run").frame
    missing = frame[frame["device"] != "cpu"]
    assert set(missing["status"]) == {"unsupported"}
    assert missing["reason"].str.contains("no CUDA device on this machine").all()
    if device == "auto":
        assert set(frame[frame["device"] == "cpu"]["status"]) == {"ok"}


def test_plan_does_not_run(bench, suite, tmp_path):
    done = bench("plan", suite, "--cells", cwd=tmp_path)
    assert done.code == 0
    assert "3 blocks, 9 cells" in done.out
    assert "hutchinson(probes=4)" in done.out
    assert f"{(8 + 1 + 4) * (128 + 128):.2g} matvecs" in done.out
    assert not (tmp_path / "results").exists()


def test_show_says_everything_about_an_estimator(bench):
    done = bench("show", "hutchinson")
    for text in ("tr A ≈", "noise: rademacher | gaussian", "default 10", "unbiased", "Hutchinson 1990", "estibench 0."):
        assert text in done.out
    assert "sum of the eigenvalues" not in done.out
    assert bench("show", "gaussian").code == 0
    assert bench("show", "divergence").code == 0
    missing = bench("show", "hutchinsn")
    assert missing.code == 2
    assert missing.err == "nothing is registered as 'hutchinsn'; did you mean 'hutchinson'?\n"


def test_list_and_plugins(bench, tmp_path):
    done = bench("list", "estimators")
    assert "xtrace" in done.out
    assert "funnel" not in done.out
    tasks = bench("list").out
    assert "divergence of a vector field" in tasks
    assert "xtrace" not in tasks
    of_one = bench("list", "divergence").out
    assert all(word in of_one for word in ("field_jacobian", "xtrace", "bench show divergence"))
    assert "reinforce" not in of_one
    assert "Trace estimators on matrices" in bench("list", "suites").out
    unknown = bench("list", "divergenc")
    assert unknown.code == 2
    assert unknown.err == "divergenc: neither a task nor a kind; did you mean 'divergence'?\n"
    plugins = bench("plugins")
    assert plugins.code == 0
    assert "bench_estimators" in plugins.out
    blocked = bench("-p", "no:trace", "list", "estimators")
    assert " xtrace " not in blocked.out
    assert "blocked" in bench("-pno:trace", "plugins").out


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("bench run tra", "plain,trace"),
        ("bench summ", "plain,summary"),
        ("bench list div", "plain,divergence"),
        ("bench summary mine", "plain,mine_too"),
        ("bench recommend log_de", "plain,log_density"),
        ("bench run ./su", "file,./su"),
    ],
)
def test_shells_complete_commands_and_names(bench, tmp_path, words, found):
    (tmp_path / "results/runs/mine_too").mkdir(parents=True)
    (tmp_path / "results/runs/mine_too/run.json").write_text("{}")
    number = str(len(words.split()) - 1)
    done = bench(cwd=tmp_path, COMP_WORDS=words, COMP_CWORD=number, _BENCH_COMPLETE="bash_complete")
    assert found in done.out.splitlines()
    assert "_bench_completion" in bench(_BENCH_COMPLETE="zsh_source").out


def test_a_plugin_can_add_a_command(bench, tmp_path):
    path = tmp_path / "greeting.py"
    path.write_text(
        "import click\nfrom estibench import hookimpl\n"
        "@hookimpl\ndef bench_add_commands(group):\n"
        "    group.add_command(click.Command('greet', callback=lambda: click.echo('hello'), help='Greets.'))\n"
    )
    assert bench("-p", path, "greet").out == "hello\n"
    assert "Greets." in bench("-p", path, "--help").out
    assert bench("greet").code == 2


def test_life_cycle_hooks_see_the_run(bench, suite, tmp_path):
    path = tmp_path / "watcher.py"
    log = tmp_path / "log"
    path.write_text(
        f"from pathlib import Path\nfrom estibench import hookimpl\nlog = Path({str(log)!r}).open('a', buffering=1)\n"
        "@hookimpl\ndef bench_run_started(suite, cells):\n    print('started', suite, cells, file=log)\n"
        "@hookimpl\ndef bench_cell_measured(row):\n    print('cell', row['estimator'], 'time' in row, file=log)\n"
        "@hookimpl\ndef bench_run_finished(results):\n    print('finished', len(results.frame), file=log)\n"
        "@hookimpl\ndef bench_report_sections(results):\n    return [('My section', '<b>not markup</b>')]\n"
    )
    assert bench("-p", path, "run", suite, "-q", "-o", tmp_path / "run", "--engine", "serial").code == 0
    lines = log.read_text().splitlines()
    assert lines[0] == "started small 9"
    assert lines[-1] == "finished 9"
    assert lines[1:-1].count("cell exact True") == 3
    assert len(lines) == 11
    report = (tmp_path / "run" / "report.html").read_text()
    assert "My section" in report
    assert "&lt;b&gt;not markup" in report


def test_the_same_program_by_its_other_names():
    for command in (["bench"], ["estibench"]):
        script = Path(sys.executable).parent / command[0]
        done = subprocess.run([str(script), "--version"], capture_output=True, text=True, check=True)
        assert "0.1.0" in done.stdout


def test_show_draws_densities_in_two_dimensions(bench, tmp_path):
    done = bench("show", "gaussian_mixture", "--plot", tmp_path / "ring.svg", "--set", "layout=ring")
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == f"drawn into {tmp_path / 'ring.svg'}"
    assert "gaussian_mixture(layout=ring)" in (tmp_path / "ring.svg").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["hutchinson"], "hutchinson: only densities are drawn"),
        (["banana", "--set", "x"], "--set x: expected NAME=VALUE"),
        (["gaussian_mixture", "--set", "layuot=ring"], "gaussian_mixture: layuot: unknown key; did you mean 'layout'?"),
        (["gaussian_mixture", "--set", "dim=3"], "only densities in two dimensions are drawn; this one has dim 3"),
        (["logistic_posterior"], "logistic_posterior: logistic_posterior on breast_cancer has dim 30, got 2"),
    ],
)
def test_what_cannot_be_drawn_is_one_clear_line(bench, tmp_path, words, message):
    done = bench("show", words[0], "--plot", tmp_path / "x.svg", *words[1:])
    assert done.code == 2
    assert message in done.err.splitlines()[-1]
    assert "Traceback" not in done.err
