"""Interrupted training: it goes on within a run, and every number is what it would have been."""

import sys
from pathlib import Path

import pytest
import torch

import estibench
from estibench import host as plugin_host
from estibench.contracts.unfinished import Unfinished, _save, resumed
from estibench.host.components import make
from estibench.measure import Bench
from estibench.measure.draws import Drawer
from estibench.suite import Block, Settings

PLUGIN = Path(__file__).parent / "plugins" / "valley.py"
TIMES = ("time_first", "draw_time")
SETTINGS = Settings(min_draws=8, max_draws=8, rounds=0)
KINDS = ("descent", "wandering", "one_by_one")  # runs side by side by the plugin, by the host, and not at all


@pytest.fixture(scope="module")
def host():
    yield plugin_host.start([str(PLUGIN)])
    plugin_host.start()


@pytest.fixture
def accuracy(host, tmp_path, monkeypatch):
    """The row of an estimator as a text; None where it is interrupted at its gradient number `until`.

    Its attribute `made` counts the gradients of the last call.
    """
    monkeypatch.setattr(Unfinished, "every", 0.0)
    problem = make(host, "problem", "valley", {"judged": False, "steps": 12})
    module = sys.modules[type(problem.build(host)).__module__]

    def accuracy(name, file=None, until=None):
        made = 0

        def counts(unit, amount=1):
            nonlocal made
            made += amount == 1  # of a gradient, and not of a judge
            if made == until:
                raise KeyboardInterrupt
            estibench.count(unit, amount)

        monkeypatch.setattr(module, "count", counts)
        block = Block(problem, "valley_fit", "cpu", "float64", (make(host, "estimator", name, {}),), 0)
        try:
            found = Bench(block, SETTINGS).accuracy(0, unfinished=file).row
        except KeyboardInterrupt:
            found = None
        accuracy.made = made
        return found and str({column: value for column, value in found.items() if column not in TIMES})  # NaN is NaN

    return accuracy


@pytest.mark.parametrize("name", KINDS)
def test_an_interrupted_cell_is_what_it_would_have_been(accuracy, tmp_path, name):
    """Whether it is cut in the first call, in the first draws or in later ones; one gradient is made twice, and the
    first three steps, which count work and tell nothing."""
    whole, made = accuracy(name), accuracy.made
    assert "'status': 'ok'" in whole
    for at in (2, 9, 16, 27, made - 3):
        file = tmp_path / f"{at}.training"
        assert accuracy(name, file, until=at) is None
        assert file.exists()
        assert accuracy(name, file) == whole
        assert accuracy.made <= made - at + 7


def test_a_state_that_is_no_tree_of_tensors_begins_anew(build, tmp_path, monkeypatch):
    monkeypatch.setattr(Unfinished, "every", 0.0)
    problem, file = build("problem", "valley", steps=5), tmp_path / "one.training"

    def gradient(parameters, state):
        return (parameters[0],), lambda: None

    with resumed(Unfinished(file)):
        fit = problem.train((torch.ones(()),), gradient, generator=torch.Generator())
    assert len(fit.snapshots[0]) == len(problem.checkpoints)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"torn", b"\x10\0\0\0\0\0\0\0{}"])
def test_a_damaged_file_is_no_file(accuracy, tmp_path, content):
    file = tmp_path / "one.training"
    file.write_bytes(content)
    assert accuracy("wandering", file) == accuracy("wandering")


def test_short_trainings_leave_no_file(host, tmp_path):
    problem = make(host, "problem", "valley", {"judged": False})
    block = Block(problem, "valley_fit", "cpu", "float64", (make(host, "estimator", "wandering", {}),), 0)
    Bench(block, SETTINGS).accuracy(0, unfinished=tmp_path / "one.training")
    assert list(tmp_path.iterdir()) == []


def test_runs_by_the_host_are_single_ones(build):
    """Without noise all are the one; with it each has its own. Who trains by itself is drawn in a loop."""
    problem = build("problem", "valley").at("cpu", "float64")
    drawer = Drawer(build("estimator", "wandering"), problem, 4)
    found = drawer.draw(3, 0).values
    assert drawer.path == "vmap"
    assert len(set(found[:, -1].tolist())) == 3
    assert len(set(found[:, 0].tolist())) == 1
    alone = Drawer(build("estimator", "alone"), problem, 4)
    assert alone.draw(3, 0).values.shape == found.shape
    assert (alone.path, alone.fallback) == ("loop", "it trains without FitProblem.train")


def test_a_run_goes_on_says_so_and_tidies_up(host, tmp_path, monkeypatch, bench):
    """Interrupted in this process, gone on with by a worker of the local engine."""
    monkeypatch.setattr(Unfinished, "every", 0.0)
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        "name: small\ndraws: {min: 2, max: 2}\ntiming: {rounds: 0}\n"
        "problems: [{name: valley, judged: false}]\nestimators: [wandering]\n"
    )
    estimator = sys.modules[type(make(host, "problem", "valley", {}).build(host)).__module__]
    made = 0

    def interrupts(unit, amount=1):
        nonlocal made
        made += 1
        if made == 50:
            raise KeyboardInterrupt
        estibench.count(unit, amount)

    monkeypatch.setattr(estimator, "count", interrupts)
    with pytest.raises(KeyboardInterrupt):
        estibench.run(suite, directory=tmp_path / "run", engine="serial")
    (file,) = (tmp_path / "run" / "draws").glob("*.training")
    known = Unfinished(file)._known
    next(iter(known.values()))["seconds"] = 1e6  # as if the first session had been long
    _save(known, file)
    said = bench("-p", PLUGIN, "run", suite, "-o", tmp_path / "run")
    assert "1 cell(s) go on within a training that was interrupted" in said.err
    row = estibench.load(tmp_path / "run").frame.iloc[0]
    assert row["time_first"] > 1e6
    assert row["cost_evaluation"] == 100
    assert not list((tmp_path / "run" / "draws").glob("*.training"))
