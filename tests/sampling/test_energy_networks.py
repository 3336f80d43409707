"""Networks as energies: parameters that require gradients do not leave a density's score, however that is written."""

from dataclasses import dataclass
from functools import cached_property

import pytest
import torch
from torch import nn

import estibench
from estibench import Density, DensityEntry
from estibench import host as plugin_host
from estibench_sampling.target import Target


class Energy(nn.Module):
    """½‖x‖²/τ², with a parameter, by a layer."""

    def __init__(self, tau):
        super().__init__()
        self.layer = nn.Linear(3, 3, bias=False)
        self.layer.weight.data = torch.eye(3) / tau

    def forward(self, x):
        return 0.5 * self.layer(x).square().sum(-1)


@dataclass(frozen=True, kw_only=True)
class Transformed(Density):
    """Its score is a transform of its log-density; the network is made within it, where torch lets nothing be cast."""

    dim: int = 3
    tau: float = 2.0
    exact_sampler = False

    @cached_property
    def net(self):
        return Energy(self.tau).to(self.torch_dtype)

    def log_prob(self, x):
        return -self.net(x)

    def score(self, x):
        return torch.func.grad(lambda y: self.log_prob(y).sum())(x)

    def sample(self, n, generator):
        return torch.randn(n, self.dim, generator=generator, dtype=torch.float64)


class MadeBefore(Transformed):
    """The network is made outside of the transform."""

    def score(self, x):
        net = self.net
        return torch.func.grad(lambda y: -net(y).sum())(x)


class Differentiated(Transformed):
    """By autograd, which goes through the module."""

    def score(self, x):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            return torch.autograd.grad(self.log_prob(x).sum(), x)[0]


class ClosedForm(Transformed):
    """By hand: the score itself carries the parameters' gradients."""

    def score(self, x):
        weight = self.net.layer.weight
        return -x @ weight.T @ weight


KINDS = (Transformed, MadeBefore, Differentiated, ClosedForm)


@pytest.mark.parametrize("cls", KINDS)
def test_what_leaves_the_oracles_carries_no_gradient(cls):
    target = Target(cls(dtype="float32"))
    x = torch.tensor([[1.0, -2.0, 0.5], [0.0, 4.0, 8.0]])
    score, log_prob = target.score(x), target.log_prob(x)
    assert not score.requires_grad
    assert not log_prob.requires_grad
    torch.testing.assert_close(score, -x / 4)
    torch.testing.assert_close(log_prob, -x.square().sum(1) / 8)


def test_samplers_run_on_all_of_them(tmp_path):
    host = plugin_host.start()
    (plugin,) = [one for one in host.plugins if one.name == "sampling"]
    for cls in KINDS:
        host.densities.add(DensityEntry(cls.__name__.lower(), f"{__name__}:{cls.__name__}", "x"), plugin)
    names = ", ".join(cls.__name__.lower() for cls in KINDS)
    (tmp_path / "suite.yaml").write_text(f"""
name: energies
draws: {{min: 8, max: 8}}
timing: {{rounds: 0}}
problems: [{{name: sampling, density: [{names}], dim: 3, chains: 8}}]
estimators: [{{name: ula, steps: 3}}, {{name: mala, steps: 3}}, {{name: hmc, steps: 2}}]
""")
    results = estibench.run(tmp_path / "suite.yaml", directory=tmp_path / "run", engine="serial")
    plugin_host.start()
    assert [(row["status"], row["reason"]) for row in results.rows] == [("ok", "")] * 12
    spent = {(row["estimator_name"], row["cost_score_evaluation"]) for row in results.rows}
    assert spent >= {("ula", 3), ("mala", 4)}, "the check that makes the network counts nothing"
    assert len(spent) == 3, "however the score is written"
