"""Pictures of trained models: real samples and those of every estimator, of points and of images."""

import pytest
import torch

import estibench
from estibench import RebuiltCell
from estibench import host as plugin_host
from estibench.host.components import make
from estibench_zoo.pictures import draw_models, export

SMALL = {"steps": 3, "hidden": 4, "batch": 8, "held_out": 16}
SUITE = """
name: small
draws: {min: 2, max: 2}
timing: {rounds: 0}
dtypes: [float32]
problems:
  - {name: density_fit, density: gaussian, steps: 3, hidden: 4, batch: 8, held_out: 16}
  - {name: bernoulli_fit, steps: 3}
estimators:
  - {name: cnf, solver: euler, steps: 2}
  - reinforce
"""


def cell(problem, parameters, estimator, given):
    host = plugin_host.current()
    made = make(host, "problem", problem, parameters), make(host, "estimator", estimator, given)
    return RebuiltCell(problem, estimator, estimator, made[0].build(host), made[1].build(host), 0)


@pytest.mark.parametrize(
    ("problem", "parameters", "dim"),
    [
        ("density_fit", {**SMALL, "density": {"name": "gaussian"}}, 2),
        ("data_fit", {**SMALL, "data": "digits", "dim": 64}, 64),
    ],
)
def test_points_and_images_are_drawn(tmp_path, problem, parameters, dim):
    one = cell(problem, parameters, "cnf", {"solver": "euler", "steps": 2})
    (path,) = draw_models([one], tmp_path / "model.png", problem)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert one.made_problem.real(4, torch.Generator()).shape == (4, dim)


def test_other_dimensions_have_no_picture(tmp_path):
    one = cell("data_fit", {**SMALL, "data": "wine", "dim": 3}, "cnf", {"solver": "euler", "steps": 2})
    assert draw_models([one], tmp_path / "model.png", "wine") == []


def test_a_run_has_one_picture_for_each_problem_that_can_be_sampled(tmp_path):
    (tmp_path / "small.yaml").write_text(SUITE)
    results = estibench.run(tmp_path / "small.yaml", directory=tmp_path / "run", engine="serial")
    (path,) = export(results)
    assert path.name.startswith("model_1_density-fit")
    assert {"error_mmd", "reading_floor_mmd"} <= {*results.frame.columns}
