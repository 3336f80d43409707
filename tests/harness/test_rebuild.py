"""What a run measured is made again from its suite."""

from __future__ import annotations

import torch

import estibench

SUITE = """
name: small
seed: 5
draws: {min: 2, max: 2}
timing: {rounds: 0}
dtypes: [float64, float32]
problems:
  - {name: matrix, dim: 8}
  - {name: structured_matrix, structure: skew, dim: 8}
estimators:
  - {name: hutchinson, probes: [2, 5]}
  - {name: xnystrace, matvecs: 4}
"""


def test_cells_that_are_ok_come_back_as_instances(suite_file, tmp_path):
    results = estibench.run(suite_file(SUITE), directory=tmp_path / "run", engine="serial")
    cells = list(estibench.rebuild(results, ("matrix",)))
    assert len(cells) == 6
    assert {cell.problem for cell in cells} == {"matrix(dim=8)"}
    labels = ["hutchinson(probes=2)", "hutchinson(probes=5)", "xnystrace(matvecs=4)"]
    assert [cell.estimator for cell in cells[:3]] == labels
    assert {cell.made_problem.dtype for cell in cells} == {"float64", "float32"}
    assert cells[0].made_problem is cells[1].made_problem
    assert (cells[1].family, cells[1].made_estimator.probes, cells[1].seed) == ("hutchinson", 5, 5)
    found = cells[1].made_estimator.estimate(cells[1].made_problem, torch.Generator().manual_seed(0))
    assert found.shape == cells[1].made_problem.truth.shape
    both = list(estibench.rebuild(results, ("matrix", "structured_matrix")))
    assert {cell.estimator for cell in both if "skew" in cell.problem} == {
        "hutchinson(probes=2)",
        "hutchinson(probes=5)",
    }  # Nyström's is unsupported there
