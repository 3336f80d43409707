"""From which dimension the exact method takes longer: each device answers for itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from estibench.analysis.advice import Question, Source, advise
from estibench.analysis.regimes import regimes
from estibench.cli import recommend
from estibench.exports.turns import turns

DIMS = (16, 64, 256, 1024, 4096)


def cell(device: str, dim: int, name: str, label: str, time: float, work: float, mse: float) -> dict[str, Any]:
    names = {"task": "trace", "problem": f"matrix(dim={dim})", "problem_name": "matrix", "problem_dim": dim}
    who = {"estimator": label, "estimator_name": name, "family": name, "device": device, "dtype": "float32"}
    known = {"status": "ok", "reason": "", "rounding": 1e-6, "draws": 500, "work": work, "time": time, "mse": mse}
    known |= {f"{one}_{side}": value for one, value in (("time", time), ("mse", mse)) for side in ("low", "high")}
    known |= {"time_low": time / 1.02, "time_high": time * 1.02, "mse_low": mse / 1.1, "mse_high": mse * 1.1}
    return names | who | known | {"rmse": mse**0.5, "mse_work": mse * work, "mse_time": mse * time}


def two_devices() -> pd.DataFrame:
    """One microsecond a matvec on the host; on the accelerator 2 ns, and 20 µs to start."""
    rows = []
    for dim in DIMS:
        for device in ("cpu", "cuda"):
            exact = 1e-6 * dim if device == "cpu" else 2e-5 + 2e-9 * dim
            some = 1e-4 if device == "cpu" else 2.25e-5
            rows.append(cell(device, dim, "exact", "exact", exact, dim, 0.0) | {"stopped": "deterministic"})
            rows.append(cell(device, dim, "hutchinson", "hutchinson(probes=100)", some, 100, 1.0))
    return pd.DataFrame(rows)


def test_each_device_has_its_own_break_even() -> None:
    cpu, cuda = turns(two_devices(), "time", ("exact", "hutchinson"), 0.95)
    assert (cpu.device, cuda.device) == ("cpu", "cuda")
    assert [one.at for one in cpu.crossings] == [pytest.approx(100, rel=0.01)]  # a straight line on log–log axes
    assert all(one.low < one.at < one.high and one.first_below for one in (*cpu.crossings, *cuda.crossings))
    assert 1024 < cuda.crossings[0].at < 4096
    assert cpu.text.startswith("exact up to 100 [")
    assert cpu.text.endswith("], hutchinson(probes=100) beyond")


def test_the_names_may_come_in_any_order() -> None:
    one, other = (
        next(turns(two_devices(), "time", names, 0.95)) for names in (("exact", "hutchinson"), ("hutchinson", "exact"))
    )
    assert one.text == other.text
    assert (one.first, other.first) == ("exact", "hutchinson(probes=100)")


def test_who_costs_less_everywhere_needs_no_crossing() -> None:
    frame = two_devices()
    frame.loc[frame["estimator"] == "exact", ["time", "time_low", "time_high"]] *= 1e-3
    assert (
        next(turns(frame, "time", ("exact", "hutchinson"), 0.95)).text
        == "exact from 16 to 4096, never hutchinson(probes=100)"
    )
    frame["time_low"], frame["time_high"] = frame["time"] / 1e9, frame["time"] * 1e9
    text = next(turns(frame, "time", ("exact", "hutchinson"), 0.95)).text
    assert text == "exact and hutchinson(probes=100) are not told apart everywhere from 16 to 4096"


def test_recommendations_and_regimes_are_of_one_device() -> None:
    frame = two_devices()
    source = Source("run", frame, 0.95, {})
    for device, winner in (("cpu", "hutchinson"), ("cuda", "exact")):
        advice = advise([source], Question("trace", budget=2e-4, by="time", dim=1024, device=device))
        assert {one.device for one in advice.evidence} == {device}
        assert advice.candidates[0].family == winner
        some = frame[frame["device"] == device]
        (found,) = regimes(some, "problem_dim", "mse_time", 0.95, [2e-4])
        column = found.xs.index(1024)
        line = max(at for at, budget in enumerate(found.budgets) if budget <= 2e-4)
        assert found.tiles[column, line].family == winner


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(recommend, "_sources", lambda task, given: [Source("run", two_devices(), 0.95, {})])
    return lambda *words: CliRunner().invoke(recommend.recommend_command, ["trace", *words])


def test_one_command_says_it(ask: Any, tmp_path: Path) -> None:
    said = ask("--between", "exact", "hutchinson", "--by", "time", "--device", "cuda")
    assert said.exit_code == 0
    heading, line = said.output.splitlines()
    assert heading == "Which costs less time for one estimate, by dimension:"
    assert line.startswith("  matrix [cuda, float32]: exact up to ")
    assert len(ask("--between", "exact", "hutchinson").output.splitlines()) == 3
    (found, _) = json.loads(ask("--between", "exact", "hutchinson", "--json").output)
    assert (found["device"], found["first"], found["dims"]) == ("cpu", "exact", [16.0, 4096.0])
    wrong = ask("--between", "exact", "hutchison")
    assert "no run of the task 'trace' has 'hutchison'; did you mean 'hutchinson'" in str(wrong.exception)
