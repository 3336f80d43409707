"""The density in docs/writing_a_density.md is one, and the suite there runs with it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch.func import grad, hessian, vmap

from estibench import host as plugin_host
from estibench.host.components import make
from estibench.runs.session import run

TEXT = (Path(__file__).parents[2] / "docs" / "writing_a_density.md").read_text(encoding="utf-8")


def _block(language):
    return re.search(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)[1]


@pytest.fixture
def host_with_logistic(tmp_path):
    """The host with the documented file as a plugin, as `bench -p logistic.py` starts it."""
    plugin = tmp_path / "logistic.py"
    plugin.write_text(_block("python"), encoding="utf-8")
    yield plugin_host.start([str(plugin)])
    plugin_host.start()


def test_the_documented_density_satisfies_its_own_formulas(host_with_logistic):
    """Derivatives by autograd, the moments of 100 000 samples within 5.5 errors (1e-6 over all)."""
    density = make(host_with_logistic, "density", "logistic", {"dim": 3, "b": 0.7}).build(host_with_logistic)
    x = density.sample(100_000, torch.Generator().manual_seed(0))
    few = x[:8]
    torch.testing.assert_close(density.score(few), vmap(grad(density.log_prob))(few))
    torch.testing.assert_close(density.laplacian(few), torch.einsum("nii->n", vmap(hessian(density.log_prob))(few)))
    for values, expected in ((x, density.mean), (x.square(), density.covariance_matrix.diagonal())):
        assert ((values.mean(0) - expected).abs() < 5.5 * values.std(0) / len(x) ** 0.5).all()
    line = torch.linspace(-40, 40, 4001, dtype=torch.float64)[:, None]
    one = make(host_with_logistic, "density", "logistic", {"dim": 1}).build(host_with_logistic)
    assert torch.trapezoid(one.log_prob(line).exp(), line[:, 0]) == pytest.approx(1, abs=1e-9)


@pytest.mark.usefixtures("host_with_logistic")
def test_the_documented_suite_runs(tmp_path):
    suite = tmp_path / "suite.yaml"
    suite.write_text(_block("yaml"), encoding="utf-8")
    frame = run(suite, directory=tmp_path / "run").frame
    assert (frame["status"] == "ok").sum() >= 3
    assert {"score_jacobian", "score_gradient"} == set(frame["problem_name"])
