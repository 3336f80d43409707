"""Time and memory limits hold. The clock is turned by hand: each call of an estimator takes as long as it says."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import estibench
from estibench import Deterministic, Estimator
from estibench.assessment.call import allowed_memory

X = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
PIECES = 100


class Clock:
    """Goes on when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return Clock.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    Clock.now = 0.0
    found = Clock()
    monkeypatch.setattr(time, "perf_counter", found)
    monkeypatch.setattr(time, "perf_counter_ns", lambda: int(1e9 * Clock.now))
    return found


@dataclass(frozen=True)
class Slow(Estimator):
    """Noise about the truth, in `seconds`, by a hundred operators."""

    seconds: float = 0.01

    def estimate(self, problem: Any, generator: torch.Generator) -> Tensor:
        for _ in range(PIECES):
            Clock.now += self.seconds / PIECES
            noise = torch.randn(problem.truth.shape, generator=generator)
        return problem.truth.to(noise) + noise


@dataclass(frozen=True)
class SlowAtOnce(Estimator):
    """The truth, after a single operator that takes `seconds`."""

    seconds: float = 0.01
    claims = (Deterministic(),)

    def estimate(self, problem: Any, generator: torch.Generator) -> Tensor:
        Clock.now += self.seconds
        return problem.truth.to(problem.torch_dtype)


@dataclass(frozen=True)
class Large(Estimator):
    """The truth, beside so many numbers."""

    numbers: int = 10

    def estimate(self, problem: Any, generator: torch.Generator) -> Tensor:
        scratch = torch.zeros(self.numbers)
        return problem.truth.to(problem.torch_dtype) + scratch[0]


def assess(place: Path, *estimators: Any, **more: Any) -> Any:
    objects = {"field": torch.tanh, "points": X, "estimators": estimators, "directory": place / "run"}
    return estibench.assess("divergence", **(objects | more))


def test_what_is_too_slow_is_left_out_and_the_rest_is_measured_in_time(tmp_path: Path, clock: Clock) -> None:
    slow = [Slow(30.0), Slow(4.0), Slow(0.01), Slow(0.002), SlowAtOnce(0.3), Slow(60.0)]
    frame = assess(tmp_path, *slow, seconds=20.0).frame
    assert clock() <= 20.0 + 0.6, "an operator of the slowest, or one call"
    status = dict(zip(frame["estimator_seconds"], frame["status"], strict=True))
    assert status == {30.0: "timeout", 4.0: "timeout", 0.01: "ok", 0.002: "ok", 0.3: "ok", 60.0: "timeout"}
    late = frame[frame["status"] == "timeout"]
    assert late["reason"].str.fullmatch(r"one call takes more than [\d.]+ s: not within the time").all()
    measured = frame[frame["status"] == "ok"]
    assert measured["time"].tolist() == pytest.approx(measured["estimator_seconds"].tolist())
    assert (measured["time_rounds"] == 7).all()
    assert (frame.loc[frame["estimator_seconds"] < 0.1, "draws"] >= 16).all()


def test_a_call_that_is_one_operator_overruns_by_itself_alone(tmp_path: Path, clock: Clock) -> None:
    frame = assess(tmp_path, SlowAtOnce(50.0), Slow(0.01), SlowAtOnce(70.0), seconds=20.0).frame
    assert clock() == pytest.approx(50.0), "the others are not begun"
    assert list(frame["status"]) == ["timeout"] * 3
    assert frame["reason"].iloc[1] == "not tried: the time was over"


def test_the_same_call_goes_on_with_what_there_was_no_time_for(tmp_path: Path, clock: Clock) -> None:
    estimators = [SlowAtOnce(9.0), Slow(0.01)]
    first = assess(tmp_path, *estimators, seconds=20.0).frame
    assert list(first["status"]) == ["timeout", "ok"]
    Clock.now = 0.0
    second = assess(tmp_path, *estimators, seconds=100.0).frame
    assert list(second["status"]) == ["ok", "ok"]
    assert second["draw_time"].iloc[1] == first["draw_time"].iloc[1], "what is known is not measured again"


def test_a_slow_one_has_one_time_where_there_is_none_for_more(tmp_path: Path, clock: Clock) -> None:
    frame = assess(tmp_path, SlowAtOnce(3.6), SlowAtOnce(0.01), seconds=20.0).frame
    assert list(frame["status"]) == ["ok", "ok"]
    assert frame["time"].tolist() == pytest.approx([3.6, 0.01])
    assert (frame["time_rounds"].iloc[0], frame["time_low"].iloc[0]) == (1, -math.inf)
    assert clock() <= 20.0


def test_left_out_for_a_limit_is_no_failure_where_something_was_measured(tmp_path: Path, clock: Clock) -> None:
    found = assess(tmp_path, SlowAtOnce(0.01), Slow(50.0), seconds=20.0)
    assert found.exit_code == 0
    assert "not within the time" in found.advice
    nothing = assess(tmp_path / "nothing", SlowAtOnce(50.0), seconds=20.0)
    assert nothing.exit_code == 1
    assert "Give more seconds" in nothing.advice


def test_what_takes_too_much_memory_is_left_out(tmp_path: Path) -> None:
    frame = assess(tmp_path, Large(10), Large(10**6), memory="1MB", seconds=3600).frame
    assert list(frame["status"]) == ["ok", "out_of_memory"]
    assert frame["reason"].iloc[1] == "one call takes more than the 1 MB that it may"


@pytest.mark.parametrize(
    ("given", "size"), [(1000, 1000), ("2GB", 2 * 10**9), ("1.5 MiB", 3 * 2**19), ("7", 7), (1e6, 10**6)]
)
def test_sizes_of_memory(given: int | str, size: int) -> None:
    assert allowed_memory(given) == size


def test_the_default_is_a_part_of_what_is_free() -> None:
    import psutil

    assert psutil.virtual_memory().available / 8 < allowed_memory(None) <= psutil.virtual_memory().total / 2


@pytest.mark.parametrize("given", ["much", "2 parrots", 0, -1, "", True, "nan"])
def test_a_wrong_size_is_one_line(given: object) -> None:
    with pytest.raises(estibench.UserError, match=r"memory: expected bytes, or a text such as '2GB', got"):
        allowed_memory(given)  # type: ignore[arg-type]
