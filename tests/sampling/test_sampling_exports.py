"""Pictures and the table of effective samples, written by a run."""

from __future__ import annotations

import math

import pandas as pd
import pytest

import estibench
from estibench import host as plugin_host
from estibench.exports.write import write
from estibench_sampling.ess_table import efficiency
from estibench_sampling.labels import wrapped
from estibench_sampling.sample_picture import MASSES, contours

SUITE = """
name: pictures
draws: {min: 2, max: 2}
timing: {rounds: 1}
dtypes: [float64]
problems:
  - {name: sampling, density: gaussian_mixture, dim: 2, chains: 32, records: 2}
  - {name: sampling, density: gaussian, dim: 3, chains: 32}
  - {name: ornstein_uhlenbeck, dim: [1, 2], times: [0.5, 1.0], points: 4}
estimators:
  - exact_sampler
  - {name: ula, steps: [4, 8]}
  - {name: euler_maruyama_kde, particles: 20, steps: 4}
  - {name: finite_volume, cells: 10, steps: 4}
"""


def test_a_run_draws_its_samples_and_densities_and_tells_what_they_cost(suite_file, tmp_path):
    results = estibench.run(suite_file(SUITE), directory=tmp_path / "run", engine="serial")
    assert set(results.frame["status"]) == {"ok"}
    write(plugin_host.current().exporters, results)
    pictures = sorted((tmp_path / "run" / "plots").glob("*_*.png"))
    assert [path.name.split("_")[0] for path in pictures] == ["evolution", "evolution", "samples"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
    table = pd.read_csv(tmp_path / "run" / "tables" / "ess.csv")
    frame = results.frame.set_index("estimator")
    ula = table.set_index("estimator").loc["ula(steps=8)"]
    row = frame[frame["problem_chains"].eq(32) & frame["problem_records"].eq(2)].loc["ula(steps=8)"]
    assert ula["ess_per_evaluation"] == pytest.approx(row["reading_ess"] / (8 * 32))
    assert ula["ess_per_second"] == pytest.approx(row["reading_ess"] / row["time"])
    assert "exact_sampler" not in set(table["estimator"])
    assert "ula(steps=8)" in (tmp_path / "run" / "tables" / "ess.md").read_text(encoding="utf-8")


def test_runs_of_other_tasks_have_none_of_it(suite_file, tmp_path):
    text = "name: other\ndraws: {min: 2, max: 2}\nproblems: [{name: matrix, dim: 8}]\nestimators: [hutchinson]\n"
    results = estibench.run(suite_file(text), directory=tmp_path / "run", engine="serial")
    write(plugin_host.current().exporters, results)
    assert efficiency(results.frame).empty
    assert not list((tmp_path / "run").glob("plots/*_*.png"))
    assert not (tmp_path / "run" / "tables" / "ess.md").exists()


def test_contours_hold_their_mass(build):
    """On N(0, I) log p ≥ c has mass q for c = log(1 − q) − log 2π; quantiles of 4 000 samples, so within 3 %."""
    problem = build("problem", "sampling", density={"name": "gaussian"})
    x, y, log_prob, levels = contours(problem.density, problem.data_generator())
    assert log_prob.shape == (len(y), len(x))
    samples = problem.density.sample(20_000, problem.data_generator())
    for level, mass in zip(levels, MASSES, strict=True):
        inside = samples.square().sum(1) < -2 * level - 2 * math.log(2 * math.pi)
        assert float(inside.double().mean()) == pytest.approx(mass, abs=0.03)


def test_labels_break_between_parameters():
    assert wrapped("ula(steps=4)", 20) == ["ula(steps=4)"]
    assert wrapped("ula(steps=4, step_size=0.1)", 16) == ["ula(", "steps=4,", "step_size=0.1)"]
