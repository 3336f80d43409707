"""Checks that compare what is registered: oracles that do not count, a truth that exact estimators refute, readings,
and whole plugins. Each is caught in a small plugin file of its own."""

import sys

import pytest

from estibench.errors import UserError
from estibench.host import Host, Plugin
from estibench.testing import Effort
from estibench.testing.kit import trials
from estibench.testing.plugins import Registered, hooks_are_light, is_in_use, plugin_trials, targets_load
from estibench.testing.trial import CheckFailedError

FILE = """
from dataclasses import dataclass
import torch
from estibench import (
    Estimator, EstimatorEntry, Exact, Problem, ProblemEntry, SampleProblem, SampleSet, Task, TaskEntry, count, hookimpl
)

@dataclass(frozen=True, kw_only=True)
class Sum(Problem):
    '''1 + 1.'''
    @property
    def truth(self):
        return torch.tensor([{truth}], dtype=torch.float64)
    @property
    def truth_source(self):
        return "closed form"
    def add(self):
        {count}
        return self.place(torch.tensor([2.0], dtype=torch.float64))

@dataclass(frozen=True)
class Adds(Estimator):
    '''Adds.'''
    claims = (Exact(),)
    def estimate(self, problem, generator):
        return problem.add()

@dataclass(frozen=True, kw_only=True)
class Target(SampleProblem):
    '''A point at 0.'''
    @property
    def estimate_shape(self):
        return (1, 4, 2)
    @property
    def truth_source(self):
        return "closed form"
    def discrepancy(self, samples):
        return samples.points.{discrepancy}

@dataclass(frozen=True)
class Sampler(Estimator):
    '''Normal points.'''
    def estimate(self, problem, generator):
        count("score")
        return SampleSet(torch.randn(1, 4, 2, generator=generator, dtype=problem.torch_dtype), {{"acceptance": 1.0}})

@dataclass(frozen=True)
class Bare(Sampler):
    '''Points without their set.'''
    def estimate(self, problem, generator):
        return super().estimate(problem, generator).points

SUM = Task(contract=Sum, baseline="{baseline}", work="addition")
AIM = Task(contract=Target, baseline="sampler", work="score")

@hookimpl
def bench_tasks():
    return [TaskEntry("sum", f"{{__name__}}:SUM", "sums"), TaskEntry("aim", f"{{__name__}}:AIM", "samples")]

@hookimpl
def bench_problems():
    return [
        ProblemEntry("one_plus_one", f"{{__name__}}:Sum", "a sum", "sum"),
        ProblemEntry("target", f"{{__name__}}:{target}", "a point", "aim"),
    ]

@hookimpl
def bench_estimators():
    return [
        EstimatorEntry("adds", f"{{__name__}}:Adds", "adds", ("sum",)),
        EstimatorEntry("sampler", f"{{__name__}}:Sampler", "points", ("aim",)),
        EstimatorEntry("bare", f"{{__name__}}:Bare", "points", ("aim",)),
    ]
"""
RIGHT = {
    "truth": "2.0",
    "count": 'count("addition")',
    "discrepancy": "square().mean()",
    "baseline": "adds",
    "target": "Target",
}


@pytest.fixture
def written(tmp_path):
    """`written(truth="3.0")`: a host with the plugin file, in which one thing is wrong."""
    made = []

    def write(**wrong):
        path = tmp_path / f"small_{len(made)}.py"
        path.write_text(FILE.format(**RIGHT | wrong), encoding="utf-8")
        made.append(path.stem)
        return Host([str(path)])

    yield write
    for name in made:
        sys.modules.pop(f"estibench_file_plugin_{name}", None)


def outcome(host, thing, check, on=None):
    (found,) = [
        trial.outcome()
        for trial in trials([thing], on, effort=Effort(64, 0.2), host=host)
        if trial.name == check and thing in trial.subject
    ]
    return found


@pytest.mark.parametrize(
    ("wrong", "thing", "check", "message"),
    [
        ({"truth": "3.0"}, "one_plus_one", "exact_estimators_agree", "Adds, which claims to be exact, is off by 1"),
        ({"count": "pass"}, "one_plus_one", "oracles_count", "1 estimator(s) of the task 'sum' spent nothing"),
        ({"discrepancy": "mean() - 9"}, "sampler", "readings_are_sane", "discrepancy = -"),
        ({}, "bare", "returns_an_estimate", "returns a Tensor"),
    ],
)
def test_wrong_ones_are_caught(written, wrong, thing, check, message):
    found = outcome(written(**wrong), thing, check)
    assert found.status == "failed", found
    assert message in found.detail


def test_right_ones_pass(written):
    host = written()
    for thing, check in [
        ("one_plus_one", "exact_estimators_agree"),
        ("one_plus_one", "oracles_count"),
        ("sampler", "readings_are_sane"),
        ("sampler", "draws_are_independent"),
        ("adds", "counts_its_work"),
    ]:
        assert outcome(host, thing, check).status == "passed", check
    found = outcome(host, "target", "truth_is_exact_data")
    assert found.status == "passed", "samples have a truth as well: 0"


def test_a_sampler_has_every_check(written):
    """One has no citation, which is caught; nothing else is."""
    bad = [one.check for one in _all(written(), "sampler") if one.is_bad]
    assert bad == ["cites_source"]


def _all(host, thing):
    return [trial.outcome() for trial in trials([thing], effort=Effort(64, 0.2), host=host)]


def test_targets_and_baselines_are_looked_up(written):
    def judge(host):
        plugin = next(plugin for plugin in host.plugins if plugin.name.startswith("small"))
        targets_load(Registered(plugin, host))

    judge(written())
    with pytest.raises(CheckFailedError, match="has the baseline 'nobody'"):
        judge(written(baseline="nobody"))
    with pytest.raises(CheckFailedError, match="the target of problem 'target' is"):
        judge(written(target="Sampler"))
    with pytest.raises(CheckFailedError, match="cannot import"):
        judge(written(target="Nothing"))


def test_heavy_hooks_and_refused_plugins_are_caught(tmp_path, monkeypatch, host):
    (tmp_path / "heavy_hooks.py").write_text("import numpy\ndef bench_tasks(): return []\n")
    (tmp_path / "light_hooks.py").write_text("def bench_estimators():\n    import scipy\n    return []\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for module, heavy in (("heavy_hooks", "numpy"), ("light_hooks", "scipy")):
        plugin = Plugin("mine", "mine", "1", module, ("bench_tasks",))
        with pytest.raises(CheckFailedError, match=f"imports .*{heavy}"):
            hooks_are_light(Registered(plugin, host))
    with pytest.raises(CheckFailedError, match="No module named 'absent_hooks'"):
        hooks_are_light(Registered(Plugin("mine", "mine", "1", "absent_hooks", ("bench_tasks",)), host))
    with pytest.raises(CheckFailedError, match="unknown hook"):
        is_in_use(Registered(Plugin("mine", "mine", "1", "mine", refused="unknown hook 'bench_tsks'"), host))
    with pytest.raises(CheckFailedError, match="no hook"):
        is_in_use(Registered(Plugin("mine", "mine", "1", "mine"), host))


def test_a_name_that_nothing_has_is_said(host):
    with pytest.raises(UserError, match="is called 'hutchinsn'; did you mean 'hutchinson'"):
        list(plugin_trials("hutchinsn", host))
