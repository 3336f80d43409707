"""How many workers measure at once, where nobody says."""

from dataclasses import replace

import psutil
import pytest

from estibench.engines import local
from estibench.host.components import Component
from estibench.suite.plan import Block, Settings, Work

GIB = 2**30


@pytest.fixture
def machine(monkeypatch):
    """`machine(cores, gib)`: what the machine seems to have."""

    def machine(cores, gib):
        monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: cores)
        monkeypatch.setattr(psutil.Process, "cpu_affinity", lambda self: list(range(cores)))
        monkeypatch.setattr(local, "memory_limit", lambda settings, jobs: gib * GIB // jobs)

    return machine


def works(device="cpu", cells=100):
    matrix = Component("problem", "matrix", {}, "matrix", "matrix")
    exact = Component("estimator", "exact", {}, "exact", "exact")
    block = Block(matrix, "trace", device, "float32", (exact,) * cells, None)
    return [Work(block, tuple(range(cells)))]


@pytest.mark.parametrize(
    ("cores", "gib", "settings", "device", "cells", "jobs"),
    [
        (8, 64, {}, "cpu", 100, 8),
        (8, 64, {}, "cpu", 3, 3),  # no more than there are cells
        (8, 6, {}, "cpu", 100, 3),  # 2 GiB each
        (8, 6, {"memory_limit": GIB}, "cpu", 100, 8),  # the suite says what a cell takes
        (8, 64, {"threads": 4}, "cpu", 100, 2),
        (1, 1, {}, "cpu", 100, 1),
        (8, 64, {}, "cuda:0", 100, 1),  # its memory is not ours to divide
    ],
)
def test_as_many_as_fit(machine, cores, gib, settings, device, cells, jobs):
    machine(cores, gib)
    assert local._as_many_as_fit(works(device, cells), replace(Settings(), **settings)) == jobs


def test_not_more_than_the_cores_that_are_ours(machine, monkeypatch):
    machine(8, 64)
    monkeypatch.setattr(psutil.Process, "cpu_affinity", lambda self: [0, 5])
    assert local._as_many_as_fit(works(), Settings()) == 2
