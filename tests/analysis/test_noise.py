"""The warning of a noisy machine."""

from __future__ import annotations

import pandas as pd
import pytest

from estibench.analysis.noise import noise_warning, typical_spread


def frame(*spreads: float | None, wall: float = 1.0) -> pd.DataFrame:
    return pd.DataFrame({"time_spread": spreads, "device": "cpu", "time": wall, "time_cpu": 1.0})


def test_a_quiet_machine_gets_no_warning() -> None:
    assert noise_warning(frame(0.01, 0.02, 0.9, None)) is None
    assert typical_spread(frame(0.01, 0.02, 0.9, None)) == pytest.approx(0.02)


def test_a_noisy_machine_gets_one_with_its_number() -> None:
    warning = noise_warning(frame(0.2, 0.3, 0.4))
    assert warning is not None
    assert "differed by 30 %" in warning
    assert "CPU time" not in warning


def test_it_says_when_others_had_the_processor() -> None:
    warning = noise_warning(frame(0.3, wall=1.5))
    assert warning is not None
    assert "1.5 × their CPU time" in warning


@pytest.mark.parametrize("nothing", [pd.DataFrame(), pd.DataFrame({"time_spread": [None], "device": ["cpu"]})])
def test_without_times_there_is_nothing_to_warn_of(nothing: pd.DataFrame) -> None:
    assert noise_warning(nothing) is None
