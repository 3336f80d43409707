"""How many draws a cell gets: the schedule, the plan, and that stopping neither biases nor loses coverage."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from estibench import Exact, Variance
from estibench.measure import sampling
from estibench.measure.draws import Drawn
from estibench.measure.kept import KeptDraws
from estibench.measure.means import positive_mean_interval
from estibench.suite import Settings


def take_sample(drawer, block, settings, kept=None):
    """A sample that begins with nothing kept, where nothing is said."""
    return sampling.take_sample(drawer, block, settings, KeptDraws() if kept is None else kept)


TEN = Variance(lambda problem, estimator: 10.0)


class Problem:
    """The truth is 0."""

    truth = torch.zeros(1, dtype=torch.float64)
    torch_dtype = torch.float64
    eps = torch.finfo(torch.float64).eps
    magnitude = 1.0


@dataclass
class Drawer:
    """Stands in for an estimator: draws of a given distribution, seconds per draw of a clock that is turned by hand."""

    distribution: str = "normal"
    claims: tuple = ()
    random: bool = False
    seconds: float = 0.0
    clock: list = None
    path: str = "vmap"
    sizes: list = field(default_factory=list)

    problem = Problem
    columns = ("reading_twice",)

    @property
    def estimator(self):
        return self

    def draw(self, n, seed):
        chooser = np.random.default_rng(seed)
        values = {
            "normal": lambda: chooser.standard_normal((n, 1)),
            "laplace": lambda: chooser.laplace(size=(n, 1)) / 2**0.5,
            "exact": lambda: np.zeros((n, 1)),
            "stuck": lambda: np.ones((n, 1)),
            "coin": lambda: (chooser.random((n, 1)) < 0.02) - 0.02,
            "tiny": lambda: 1e-15 * chooser.standard_normal((n, 1)),
        }[self.distribution]()
        if self.clock is not None:
            self.clock[0] += n * self.seconds
        self.sizes.append(n)
        found = torch.from_numpy(values)
        return Drawn(found, readings=2 * found if self.path == "loop" else None)


def test_chunks_double_and_then_go_on_in_equal_steps():
    ends = [0]
    while ends[-1] < 4096:
        ends.append(sampling.chunk_end(ends[-1]))
    assert ends == [0, 2, 16, 32, 64, 128, 256, 512, 1024, 2048, 3072, 4096]


@pytest.mark.parametrize("fewer", [100, 128, 1500])
def test_a_sample_is_the_beginning_of_a_larger_one(fewer):
    small, large = (
        take_sample(Drawer(), "block", Settings(precision=1e-6, min_draws=16, max_draws=n)) for n in (fewer, 2000)
    )
    assert (len(small.draws), len(large.draws)) == (fewer, 2000)
    assert torch.equal(small.draws, large.draws[:fewer])


def test_a_loop_stops_where_it_is_enough_and_its_last_chunk_is_drawn_anew_for_more():
    """Whole chunks up to 64; what a loop left of the next one is not taken for the whole when more are wanted."""
    kept, loop = KeptDraws(), Drawer(path="loop")

    def sample(drawer, n, kept):
        return take_sample(drawer, "block", Settings(precision=1e-6, min_draws=n, max_draws=n), kept)

    assert len(sample(loop, 80, kept).draws) == 80
    assert loop.sizes == [2, 14, 16, 32, 16]
    assert len(sample(loop, 70, kept).draws) == 70
    assert loop.sizes[5:] == []
    more, fresh = sample(loop, 150, kept), sample(Drawer(), 150, KeptDraws())
    assert loop.sizes[5:] == [64, 22]
    assert torch.equal(more.draws, fresh.draws)
    assert torch.equal(more.readings["reading_twice"], 2 * fresh.draws[:, 0])


def test_a_loop_that_has_no_time_for_more_keeps_what_it_had(monkeypatch):
    clock, kept = [0.0], KeptDraws()
    monkeypatch.setattr(sampling.time, "perf_counter", lambda: clock[0])
    loop = Drawer(path="loop", seconds=0.01, clock=clock)
    take_sample(loop, "block", Settings(min_draws=80, max_draws=80), kept)
    late = sampling._Stream(loop, Settings(time_limit=1.0), "block", sampling.COUNTED, clock[0] - 2, kept)
    assert len(late.take(100)) == 80
    assert late.late


def test_the_pilots_draws_do_not_count():
    settings = Settings(min_draws=64, max_draws=128, precision=0.5)
    sample = take_sample(Drawer(), "block", settings)
    assert (len(sample.draws), sample.pilot) == (64, 64)
    pilot = sampling._Stream(Drawer(), settings, "block", sampling.PILOT, 0.0, KeptDraws()).take(2)
    assert not torch.equal(sample.draws[:2], pilot)


@pytest.mark.parametrize(("precision", "stopped"), [(0.5, "precision"), (0.01, "max_draws")])
def test_a_fixed_number_of_draws_needs_no_pilot(precision, stopped):
    sample = take_sample(Drawer(), "block", Settings(min_draws=100, max_draws=100, precision=precision))
    assert (sample.stopped, len(sample.draws), sample.pilot) == (stopped, 100, 0)


@pytest.mark.parametrize(
    ("drawer", "settings", "stopped", "draws"),
    [
        (Drawer("exact", claims=(Exact(),)), Settings(), "deterministic", 2),
        (Drawer("tiny"), Settings(), "rounding", 128),
        (Drawer("exact", claims=(Exact(),), random=True), Settings(), "rounding", 128),
        (Drawer("exact", claims=(TEN,), random=True), Settings(max_draws=300), "rare", 300),
        (Drawer("stuck"), Settings(precision=0.1, max_draws=300), "precision", 128),
        (Drawer("stuck", random=True), Settings(precision=0.1, max_draws=300), "rare", 300),
        (Drawer("coin", random=True), Settings(precision=0.9, max_draws=300), "rare", 300),
        (Drawer(), Settings(precision=0.1), "precision", 256),
        (Drawer(), Settings(precision=1e-6, max_draws=300), "max_draws", 300),
    ],
)
def test_it_says_why_there_are_no_more(drawer, settings, stopped, draws):
    sample = take_sample(drawer, "block", settings)
    assert (sample.stopped, len(sample.draws)) == (stopped, draws)


def test_a_plan_that_misses_the_precision_is_said(monkeypatch):
    monkeypatch.setattr(sampling, "plan", lambda pilot, problem, settings: (128, "precision"))
    assert take_sample(Drawer(), "block", Settings(precision=0.01)).stopped == "planned"


@pytest.mark.parametrize(("seconds", "draws"), [(0.02, 32), (0.005, 128), (0.001, 512)])
def test_the_clock_ends_drawing(monkeypatch, seconds, draws):
    """One second. At 20 ms a draw the pilot is not finished; at 5 ms another of its size does not fit: both count."""
    clock = [0.0]
    monkeypatch.setattr(sampling.time, "perf_counter", lambda: clock[0])
    drawer = Drawer(seconds=seconds, clock=clock)
    sample = take_sample(drawer, "block", Settings(precision=1e-6, time_limit=1.0))
    assert (sample.stopped, len(sample.draws)) == ("time_limit", draws)
    assert sample.seconds <= 1.0


def test_stopping_does_not_bias_the_error_or_lose_coverage():
    """2000 cells with Laplace errors. Mean MSE within 4 standard errors of 1 (rate 6e-5); coverage at least 92.5 %.

    Stopping as soon as the interval is narrow enough fails the first: that is checked too.
    """
    settings = Settings(precision=0.2, min_draws=16, max_draws=2048)
    found, hits, naive = [], 0, []
    for seed in range(2000):
        drawer = Drawer("laplace")
        sample = take_sample(drawer, f"block {seed}", settings)
        mse = positive_mean_interval(sample.draws[:, 0].square(), 0.95)
        found.append(mse.value)
        hits += mse.low <= 1 <= mse.high
        errors = drawer.draw(2048, seed)[0][:, 0].square()
        looks = (16, 32, 64, 128, 256, 512, 1024, 2048)
        narrow = (positive_mean_interval(errors[:n], 0.95) for n in looks)
        naive.append(next((mse.value for mse in narrow if mse.root().relative_half_width <= 0.2), float(errors.mean())))
    assert abs(np.mean(found) - 1) < 4 * np.std(found) / 2000**0.5
    assert hits >= 0.925 * 2000
    assert np.mean(naive) < 1 - 4 * np.std(naive) / 2000**0.5
