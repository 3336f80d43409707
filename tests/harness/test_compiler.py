"""What torch takes to load its compiler is no work of the estimator that needs it first."""

import importlib
import sys

import pytest

from estibench.measure import compiler


@pytest.fixture
def clock(monkeypatch):
    """A clock that only the module `slow_to_load` moves: by five seconds, as it is imported."""

    class Clock:
        now = 0.0

        def perf_counter(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(compiler, "time", clock)
    return clock


@pytest.fixture
def slow_module(clock, monkeypatch, tmp_path):
    (tmp_path / "slow_to_load.py").write_text("import test_clock\ntest_clock.now += 5\nVALUE = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "test_clock", clock)
    monkeypatch.setattr(compiler, "NAME", "slow_to_load")
    yield
    sys.modules.pop("slow_to_load", None)


@pytest.mark.usefixtures("slow_module")
def test_the_seconds_of_its_import_are_counted(clock):
    before = list(sys.meta_path)
    assert not compiler.is_loaded()
    with compiler.loading() as loading:
        clock.now += 1
        assert importlib.import_module("slow_to_load").VALUE == 1
        clock.now += 1
    assert loading.seconds == 5
    assert compiler.is_loaded()
    assert sys.meta_path == before


@pytest.mark.usefixtures("slow_module")
def test_nothing_is_counted_where_it_is_there_already_or_not_needed(clock):
    importlib.import_module("slow_to_load")
    with compiler.loading() as loading:
        importlib.import_module("slow_to_load")
        clock.now += 1
    assert loading.seconds == 0
