"""Global generators inside of `estibench.seeded`: fed from the given one, and left as they were."""

import random

import numpy as np
import pytest
import torch

from estibench import seeded
from estibench.contracts.generators import global_generators
from estibench.measure.globals import untouched


def numbers():
    return [float(torch.rand(())), float(np.random.random()), random.random()]


def test_the_same_generator_gives_the_same_numbers_and_another_one_others():
    found = []
    for seed in (0, 0, 1):
        with seeded(torch.Generator().manual_seed(seed)):
            found.append(numbers())
        numbers()  # whatever others draw
    assert found[0] == found[1]
    assert all(one != other for one, other in zip(found[0], found[2], strict=True))


def test_the_generator_moves_on():
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(2):
        with seeded(generator):
            found.append(numbers())
    assert found[0] != found[1]
    assert generator.initial_seed() == 0


@pytest.mark.parametrize("fails", [False, True])
def test_others_find_their_generators_as_they_were(fails):
    torch.manual_seed(3), np.random.seed(3), random.seed(3)
    expected = numbers()
    torch.manual_seed(3), np.random.seed(3), random.seed(3)
    with untouched() as faults:
        try:
            with seeded(torch.Generator().manual_seed(0)):
                numbers()
                assert not fails
        except AssertionError:
            pass
    assert faults == []
    assert numbers() == expected


def test_no_seed_for_each_replicate_under_vmap():
    """So that the harness falls back to a loop, where each draw has a seed of its own."""
    generator = torch.Generator().manual_seed(0)

    def draw(_):
        with seeded(generator):
            return torch.rand(())

    with pytest.raises(RuntimeError):
        torch.func.vmap(draw, randomness="different")(torch.arange(3))


class OtherDevice:
    """The random part of a device's module, with one global generator for each of its devices, or for its only one."""

    def __init__(self, of_each):
        self.streams = [random.Random(number) for number in range(2 if of_each else 1)]
        suffix = "_all" if of_each else ""
        setattr(self, f"get_rng_state{suffix}", lambda: [one.getstate() for one in self.streams])
        setattr(self, f"set_rng_state{suffix}", self.put_back)
        setattr(self, f"manual_seed{suffix}", lambda seed: [one.seed(seed) for one in self.streams])

    def put_back(self, states):
        for one, state in zip(self.streams, states, strict=True):
            one.setstate(state)


@pytest.fixture(params=[True, False], ids=["of each", "only one"])
def other(request, monkeypatch):
    """An accelerator of this machine that is in use, of a kind that nobody here knows."""
    there = OtherDevice(request.param)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("hpu"))
    monkeypatch.setattr(torch, "get_device_module", lambda kind: there if kind == "hpu" else None)
    return there


def test_an_accelerators_generators_are_seeded_and_restored_as_well(other):
    expected = other.streams[0].getstate()
    drawn = []
    for _ in range(2):
        with seeded(torch.Generator().manual_seed(0)):
            drawn.append(other.streams[0].random())
            assert other.streams[0].getstate() != expected
    assert drawn[0] == drawn[1]
    assert other.streams[0].getstate() == expected


def test_who_draws_from_an_accelerators_generator_is_told_and_it_is_put_back(other):
    expected = other.streams[-1].getstate()
    with untouched() as faults:
        other.streams[-1].random()
    assert faults == ["draws from the global generator of torch on HPU, not from the one it is given"]
    assert other.streams[-1].getstate() == expected


def test_an_accelerator_that_is_not_in_use_is_left_asleep(other):
    other.is_initialized = lambda: False
    assert [one.name for one in global_generators()] == ["torch", "numpy", "Python's random"]
