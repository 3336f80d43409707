"""Every task that takes a user's objects is measured to its end, and so is every example."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import estibench
from estibench.cli.assess import call

EXAMPLES = Path(__file__).parents[2] / "examples"
TIME = 3600.0  # so that no machine is too slow
X = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


def network(inner: int = 3, outer: int = 3) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(inner, 8), nn.Tanh(), nn.Linear(8, outer))


class InTime(nn.Module):
    """f(t, z) with the time as one more input."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network(4, 3)

    def forward(self, t: Tensor, z: Tensor) -> Tensor:
        return self.net(torch.cat([z, t.expand(len(z), 1)], -1))


NET, ENERGY = network(), network(3, 1)


def contraction() -> nn.Sequential:
    """A residual block whose series converges."""
    net = network()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(0.5)
    return net


# The objects of each task, the estimators to try, and one that is exact there.
TASKS: dict[str, tuple[Callable[[], dict[str, Any]], list[str], str]] = {
    "trace": (
        lambda: {"matrix": torch.diag(torch.arange(1.0, 7.0)) + 0.1},
        ["exact", "hutchinson(probes=2)", "xtrace(matvecs=4)"],
        "exact",
    ),
    "divergence": (
        lambda: {"field": network(), "points": X},
        ["exact", "hutchinson(probes=2)", "hutchpp(matvecs=3)"],
        "exact",
    ),
    "log_density": (
        lambda: {"field": InTime(), "points": X},
        ["cnf(solver=rk4, steps=16)", "cnf(solver=rk4, steps=4, trace=rademacher, probes=2)"],
        "cnf(solver=rk4, steps=16)",
    ),
    "ode_gradient": (
        lambda: {"field": InTime(), "start": X, "loss": lambda z: z.square().mean()},
        ["solver_gradient(solver=rk4, steps=16)", "solver_gradient(solver=dopri5, gradient=adjoint, tolerance=0.001)"],
        "solver_gradient(solver=rk4, steps=16)",
    ),
    "log_det": (
        lambda: {"residual": contraction(), "points": X},
        ["slogdet", "power_series(terms=5, trace=rademacher, probes=2)", "russian_roulette"],
        "slogdet",
    ),
    "score_gradient": (
        lambda: {"network": network(), "data": X.repeat(4, 1), "sigma": 0.5},
        ["explicit", "implicit", "denoising(sigma=0.5)"],
        "",
    ),
    "discrete_gradient": (
        lambda: {"logits": torch.zeros(2, 3), "objective": lambda z: NET(z).sum((-2, -1))},
        ["enumeration", "reinforce(baseline=leave_one_out, samples=2)", "gumbel_softmax(tau=1.0)"],
        "enumeration",
    ),
    "sampling": (
        lambda: {"energy": lambda x: ENERGY(x)[..., 0] + x.square().sum(-1), "dim": 3, "chains": 16},
        ["ula(steps=5, step_size=0.1)", "mala(steps=5, step_size=0.1)", "hmc(steps=2, step_size=0.1)"],
        "",
    ),
}


def test_an_energy_is_a_score_too(tmp_path: Path) -> None:
    """Whose gradient the network has by `torch.func`, which torch's hooks on saved tensors refuse."""
    found = estibench.assess(
        "score_gradient",
        network=nn.Sequential(nn.Linear(3, 8), nn.Softplus(), nn.Linear(8, 1)),
        data=X.repeat(4, 1),
        sigma=0.5,
        seconds=TIME,
        estimators=["explicit"],
        directory=tmp_path / "run",
    )
    assert set(found.frame["status"]) == {"ok"}


@pytest.mark.parametrize("task", TASKS)
def test_a_task_is_measured_and_answered(task: str, tmp_path: Path) -> None:
    objects, estimators, exact = TASKS[task]
    found = estibench.assess(task, seconds=TIME, estimators=estimators, directory=tmp_path / "run", **objects())
    frame = found.frame
    assert set(frame["status"]) == {"ok"}, list(frame["reason"])
    assert frame["time"].notna().all()
    assert len(frame) == len(estimators)
    assert found.advice
    if exact:
        errors = frame.set_index("estimator_name")["rmse"]
        assert errors.iloc[0] == errors.min(), "the exact method is the most accurate"
    (tmp_path / "picture.svg").write_text(found._repr_html_(), encoding="utf-8")


@pytest.mark.parametrize(
    ("task", "example"),
    [
        ("divergence", "conv_flow"),
        ("score_gradient", "score_network"),
        ("discrete_gradient", "categorical_autoencoder"),
        ("sampling", "energy_model"),
    ],
)
def test_an_example_is_trained_and_taken(task: str, example: str) -> None:
    """Its model is trained and its problem made: the estimators of each task are run above."""
    from estibench.host import current
    from estibench.host.components import checked_objects, own_of

    objects = call(f"{EXAMPLES / example}.py:make")
    own = own_of(current(), task)
    problem = own.make(**checked_objects(own.make, objects, example))
    assert own.ladder(problem)
    if task in ("divergence", "discrete_gradient"):
        assert bool(torch.isfinite(problem.truth).all())
