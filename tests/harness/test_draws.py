"""How draws are made: the path and the chunk come from what was counted, are recorded, and fix every bit."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest
import torch

import estibench
from estibench import Estimator
from estibench import host as plugin_host
from estibench.host.components import make
from estibench.measure import measure_block, sampling
from estibench.measure.bench import Bench
from estibench.measure.draws import Drawer, chunk_of
from estibench.measure.kept import KeptDraws, pack, unpack
from estibench.suite import Block, Settings

MiB = 2**20
PLUGINS = Path(__file__).parent / "plugins"
QUARTIC = {"name": "quartic"}
# One cell for each way to draw: vmap, a loop since one estimate takes 30 MiB, the estimator's own draws.
BLOCKS = {
    "vmap": ("matrix", {"dim": 16}, "trace", "hutchinson", {"probes": 2}),
    "loop": ("matrix", {"dim": 64}, "trace", "hutchinson", {"probes": 40_000}),
    "draws": ("score_gradient", {"density": QUARTIC, "dim": 4, "batch": 16}, "score_gradient", "denoising", {}),
}


@pytest.mark.parametrize(
    ("peak", "chunk"),
    [
        (400, 65536),  # a few coins
        (int(0.13 * MiB), 128),  # ten probes of a dense network in 64 dimensions
        (int(1.36 * MiB), 16),  # a convolutional field of 784 dimensions, batch 4, with 1 probe
        (int(4.08 * MiB), 4),  # … 4 probes
        (int(13.4 * MiB), 2),  # … 16 probes
        (int(50.7 * MiB), 1),  # … 64 probes: in a loop
        (16 * MiB, 2),
        (16 * MiB + 1, 1),
        (0, 2**25),
    ],
)
def test_the_chunk_is_the_largest_power_of_two_that_fits(peak, chunk):
    assert chunk_of(peak, "cpu") == chunk


def test_an_accelerator_keeps_large_chunks():
    assert chunk_of(4 * MiB, "cuda") == chunk_of(4 * MiB, "cuda:1") == 64


@dataclass(frozen=True)
class Recorder(Estimator):
    """Notes how many draws each call makes; 1 for a plain estimate."""

    calls: ClassVar = []

    def estimate(self, problem, generator):
        self.calls.append(1)
        return torch.randn((1,), generator=generator, dtype=torch.float64)

    def draws(self, problem, n, generator):
        self.calls.append(n)
        return torch.randn((n, 1), generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(
    ("at_once", "n", "path", "calls"),
    [(8, 20, "draws", [8, 8, 4]), (2, 4, "draws", [2, 2]), (1, 3, "loop", [1, 1, 1])],
)
def test_draws_come_by_chunks_and_a_chunk_of_one_is_a_loop(build, at_once, n, path, calls):
    Recorder.calls.clear()
    drawer = Drawer(Recorder(), build("problem", "matrix", dim=4), at_once)
    values = drawer.draw(n, 0).values
    assert (drawer.path, drawer.chunk, Recorder.calls) == (path, at_once, calls)
    assert bool(drawer.fallback) == (path == "loop")
    assert len(values.unique()) == n, "one stream for all calls: no draw comes twice"


def bench(host, way, draws):
    problem, problem_parameters, task, estimator, parameters = BLOCKS[way]
    cells = (make(host, "estimator", estimator, parameters),)
    block = Block(make(host, "problem", problem, problem_parameters), task, "cpu", "float32", cells, 0)
    return Bench(block, Settings(min_draws=draws, max_draws=draws, rounds=0))


@pytest.mark.parametrize("way", BLOCKS)
def test_the_way_is_recorded_and_going_on_gives_the_bits_of_one_go(host, way):
    once, few = bench(host, way, 24).accuracy(0), bench(host, way, 8).accuracy(0)
    more = bench(host, way, 24).accuracy(0, few.draws)
    assert (once.row["status"], once.row["draw_path"]) == ("ok", way)
    assert once.row["draw_chunk"] == (1 if way == "loop" else chunk_of(once.row["peak_bytes"], "cpu"))
    assert bool(once.row["draw_fallback"]) == (way == "loop")
    assert unpack(more.draws).values["counted"].equal(unpack(once.draws).values["counted"])
    assert {name: more.row[name] for name in ("mse", "draw_path", "draw_chunk", "draw_fallback")} == {
        name: once.row[name] for name in ("mse", "draw_path", "draw_chunk", "draw_fallback")
    }


def test_kept_draws_go_on_with_the_chunk_that_they_were_made_with(host):
    """Whatever would be chosen now: the rest of a stream must fit to its beginning."""
    few = unpack(bench(host, "vmap", 8).accuracy(0).draws)
    again = unpack(pack(few, MiB))
    assert (again.path, again.chunk) == (few.path, few.chunk)
    more = bench(host, "vmap", 24).accuracy(0, pack(replace(few, chunk=4), MiB))
    assert more.row["draw_chunk"] == 4
    assert unpack(b"").chunk == KeptDraws().chunk == 0


def test_engines_and_jobs_give_the_same_bits_by_every_way(suite_file, tmp_path):
    suite = suite_file("""
name: ways
draws: {min: 8, max: 16}
timing: {rounds: 0}
dtypes: [float32]
problems: [{name: matrix, dim: [16, 64]}]
estimators: [{name: hutchinson, probes: [2, 40000]}]
""")
    serial, repeated, two = (
        estibench.run(suite, directory=tmp_path / name, **options).frame.set_index("key").sort_index()
        for name, options in (
            ("serial", {"engine": "serial"}),
            ("repeated", {"engine": "serial"}),
            ("two", {"options": {"jobs": 2}}),
        )
    )
    assert set(serial["draw_path"]) == {"vmap", "loop"}
    columns = [name for name in serial if "time" not in name]
    pd.testing.assert_frame_equal(serial[columns], repeated[columns], check_exact=True)
    pd.testing.assert_frame_equal(serial[columns], two[columns], check_exact=True)


def test_what_torch_loads_for_the_first_draws_costs_no_draws(monkeypatch):
    """The first draws take a second, others 0.1 ms: within a limit of a second there are all 128."""
    host = plugin_host.start([str(PLUGINS / "slow_start.py")])
    try:
        problem = make(host, "problem", "matrix", {"dim": 4})
        estimator = make(host, "estimator", "slow_start", {})
        clock = sys.modules[type(estimator.build(host)).__module__].CLOCK
        monkeypatch.setattr(sampling.time, "perf_counter", lambda: clock[0])
        block = Block(problem, "trace", "cpu", "float64", (estimator,), 0)
        row = measure_block(block, Settings(min_draws=128, max_draws=128, time_limit=1.0, rounds=0))[0]
    finally:
        plugin_host.start()
    assert (row["status"], row["draws"], row["stopped"]) == ("ok", 128, "max_draws")
