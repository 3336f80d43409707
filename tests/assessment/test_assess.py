"""One call, one answer: from Python, from the command line, again, interrupted, and in a suite."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor, nn

import estibench
from estibench import Estimator, Unbiased
from estibench import host as plugin_host
from estibench.cli import bench

X = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))

MODEL = """
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 6))
    return {"field": net, "points": torch.randn(4, 6)}

def nothing():
    return 3
"""

PLUGIN = """
import torch
from torch import nn
from estibench import ProblemEntry, hookimpl

@hookimpl
def bench_problems():
    return [ProblemEntry("my_flow", f"{__name__}:my_flow", "mine", "divergence")]

def my_flow(batch: int = 4):
    torch.manual_seed(0)
    return {"field": nn.Linear(6, 6), "points": torch.randn(batch, 6)}
"""

SUITE = """
name: mine
draws: {min: 4, max: 4}
timing: {rounds: 0}
problems: [{name: my_flow, batch: [2, 3]}]
estimators: [exact, {name: hutchinson, probes: 2}]
"""


@dataclass(frozen=True)
class Noisy(Estimator):
    """The truth with noise of relative size `noise`."""

    noise: float = 0.5
    claims = (Unbiased(),)

    def estimate(self, problem: Any, generator: torch.Generator) -> Tensor:
        truth = problem.truth.to(problem.torch_dtype)
        return truth + self.noise * torch.randn(truth.shape, generator=generator, dtype=truth.dtype)


@dataclass(frozen=True)
class Off(Noisy):
    """Off by a tenth."""

    noise: float = 0.01

    def estimate(self, problem: Any, generator: torch.Generator) -> Tensor:
        return super().estimate(problem, generator) + 0.1


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 6))


def test_the_answer_comes_with_table_plot_and_directory(tmp_path: Path) -> None:
    found = estibench.assess("divergence", field=network(), points=X, seconds=300, directory=tmp_path / "run")
    assert "exact" in found.advice
    assert set(found.frame["status"]) == {"ok"}
    assert (found.frame["claims_refuted"] == 0).all()
    assert found.frame["truth_source"].iloc[0] == "the exact trace in float64: a product for each of 6 dimensions"
    said = str(found)
    assert "hutchinson(probes=1)" in said
    assert "\nhutchinson: mean of vᵀAv over random v\n" in said, "names are explained"
    assert "\nwork: a matvec is one product of the Jacobian" in said
    assert "\ntruth: the exact trace in float64: a product for each of 6 dimensions\n" in said
    page = found._repr_html_()
    assert page.index(found.advice.split(":")[0]) < page.index("<svg") < page.index("<table")
    saved = found.save(tmp_path / "saved")
    assert (saved / "report.html").exists()
    assert len(estibench.Results.read(saved).frame) == len(found.frame)
    with pytest.raises(estibench.UserError, match="not empty"):
        found.save(saved)


def test_the_same_call_goes_on_and_other_weights_begin_anew(tmp_path: Path) -> None:
    def keys(net: nn.Module, points: Tensor = X) -> list[str]:
        frame = estibench.assess(
            "divergence", field=net, points=points, seconds=300, estimators=["exact"], directory=tmp_path / "run"
        ).frame
        return list(frame["key"])

    store = tmp_path / "run" / "cells.jsonl"
    first, net = keys(network()), network()
    size = store.stat().st_size
    assert keys(net) == first
    assert store.stat().st_size == size
    with torch.no_grad():
        net[0].bias[0] += 1e-3
    assert keys(net) != first
    assert keys(network(), X + 1e-3) != first


def test_estimators_by_name_mapping_and_object(tmp_path: Path) -> None:
    found = estibench.assess(
        "divergence",
        field=network(),
        points=X,
        seconds=300,
        estimators=["hutchinson(probes=[1, 2], noise=gaussian)", {"name": "xtrace", "matvecs": 4}, Noisy(0.25)],
        directory=tmp_path / "run",
    )
    assert set(found.frame["estimator_name"]) == {"hutchinson", "xtrace", "Noisy"}
    assert list(found.frame["family"]).count("hutchinson(noise=gaussian)") == 2
    row = found.frame[found.frame["estimator_name"] == "Noisy"].iloc[0]
    assert row["rmse"] == pytest.approx(0.25 * 2, rel=0.3)  # four components


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        ("hutchinson(", "expected a name with values"),
        ("hutchinson(3)", "expected a name with values"),
        ("hutchinsn", "did you mean 'hutchinson'?"),
        ("hutchinson(prbes=3)", "did you mean 'probes'?"),
        (3, "expected names, mappings or Estimator objects"),
    ],
)
def test_a_wrong_estimator_is_one_line(estimator: object, message: str, tmp_path: Path) -> None:
    with pytest.raises(estibench.UserError) as found:
        estibench.assess("divergence", field=network(), points=X, estimators=[estimator], directory=tmp_path / "run")
    assert message in str(found.value)
    assert "\n" not in str(found.value)


def test_wrong_questions_are_one_line() -> None:
    with pytest.raises(estibench.UserError, match="did you mean 'divergence'"):
        estibench.assess("divergense", field=network(), points=X)
    with pytest.raises(estibench.UserError, match="takes no objects of yours; these do: "):
        estibench.assess("score_fit", field=network())
    with pytest.raises(estibench.UserError, match="target: expected a positive number, got 0"):
        estibench.assess("divergence", field=network(), points=X, target=0)
    with pytest.raises(estibench.UserError, match="by: expected time or work"):
        estibench.assess("divergence", field=network(), points=X, by="hours")


def test_an_interrupt_keeps_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from estibench.assessment import call

    original = call.sessions.Session.execute

    def interrupted(self: Any, warn: Any) -> Any:
        yield next(original(self, warn))
        raise KeyboardInterrupt

    monkeypatch.setattr(call.sessions.Session, "execute", interrupted)
    found = estibench.assess("divergence", field=network(), points=X, seconds=300, directory=tmp_path / "run")
    assert len(found.frame) == 1
    assert found.advice.endswith("Interrupted: the same call goes on from here.")


@dataclass(frozen=True)
class Interrupting(Estimator):
    """Ctrl-C comes while it is drawn from."""

    def estimate(self, problem: Any, generator: torch.Generator) -> Tensor:
        raise KeyboardInterrupt


def test_an_interrupt_within_a_call_ends_in_an_answer(tmp_path: Path) -> None:
    objects = {"field": network(), "points": X, "seconds": 300, "directory": tmp_path / "run"}
    with pytest.raises(KeyboardInterrupt):  # there is nothing to keep
        estibench.assess("divergence", estimators=[Interrupting()], **objects)
    estibench.assess("divergence", estimators=["exact"], **objects)
    found = estibench.assess("divergence", estimators=["exact", Interrupting()], **objects)
    assert list(found.frame["estimator_name"]) == ["exact"]
    assert found.advice.endswith("Interrupted: the same call goes on from here.")
    assert not torch.is_inference_mode_enabled()
    assert torch.ones(2).add(1).sum() == 4, "no mode is left behind"


def test_doubts_are_listed(tmp_path: Path) -> None:
    """An estimator that claims to be unbiased and is not; its claim and the evidence are in the terminal."""

    found = estibench.assess(
        "divergence", field=network(), points=X, seconds=300, estimators=["exact", Off()], directory=tmp_path / "run"
    )
    line = next(
        line for line in str(found).splitlines() if line.startswith("refuted: Off(noise=0.01): “unbiased”: measured ")
    )
    assert "claimed 0" in line
    assert "Refuted, so left out: Off(noise=0.01) (unbiased)." in found.advice


def test_a_field_that_vmap_refuses_is_measured_one_by_one(tmp_path: Path) -> None:
    def field(x: Tensor) -> Tensor:
        return x * float(x.detach().sum() * 0 + 2)  # .item() under vmap is refused

    found = estibench.assess("divergence", field=field, points=X, seconds=300, directory=tmp_path / "run")
    assert set(found.frame["status"]) == {"ok"}
    assert "exact" in found.advice


def test_a_reference_is_part_of_every_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from estibench.assessment import call

    monkeypatch.setattr(call, "RATE", 1e-9)
    found = estibench.assess("divergence", field=network(), points=X, seconds=300, directory=tmp_path / "run")
    frame = found.frame
    assert (frame["truth_error"] > 0).all()
    assert (frame["claims_refuted"] == 0).all()
    row = frame[frame["estimator_name"] == "exact"].iloc[0]
    assert row["rmse_low"] == 0, "the exact trace is off by the reference's error, which is no error of its own"


def test_half_precision_weights(tmp_path: Path) -> None:
    found = estibench.assess(
        "divergence",
        field=network().to(torch.bfloat16),
        points=X,
        seconds=300,
        estimators=["exact", "hutchinson"],
        directory=tmp_path / "run",
    )
    assert set(found.frame["dtype"]) == {"bfloat16"}
    assert set(found.frame["status"]) == {"ok"}


def test_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_model_for_bench.py").write_text(MODEL, encoding="utf-8")
    words = ["assess", "divergence", "my_model_for_bench.py:make", "--seconds", "300", "--target", "0.05"]
    done = CliRunner().invoke(bench, words)
    assert done.exit_code == 0, done.output
    assert "5 %" in done.output
    assert (tmp_path / "results" / "runs" / "my_divergence" / "run.json").exists()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("my_model_for_bench.py", "expected FILE.py:FUNCTION"),
        ("absent.py:make", "absent.py: no such file"),
        ("my_model_for_bench.py:nothing", "expected a dict of objects by name, got int"),
        ("my_model_for_bench.py:mke", "AttributeError"),
    ],
)
def test_a_wrong_file_is_one_line(source: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_model_for_bench.py").write_text(MODEL, encoding="utf-8")
    done = CliRunner().invoke(bench, ["assess", "divergence", source])
    assert done.exit_code != 0
    assert message in str(done.exception) + done.output


def test_a_model_of_ones_own_in_a_suite(tmp_path: Path) -> None:
    plugin = tmp_path / "my_flow_plugin.py"
    plugin.write_text(PLUGIN, encoding="utf-8")
    suite = tmp_path / "mine.yaml"
    suite.write_text(SUITE, encoding="utf-8")
    try:
        done = CliRunner().invoke(bench, ["-p", str(plugin), "run", str(suite), "-o", str(tmp_path / "run"), "-q"])
        assert done.exit_code == 0, done.output
        frame = estibench.Results.read(tmp_path / "run").frame
        assert set(frame["status"]) == {"ok"}
        assert set(frame["problem"]) == {"my_flow(batch=2)", "my_flow(batch=3)"}
    finally:
        plugin_host.start()
