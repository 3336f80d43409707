"""Global generators inside of `estibench.seeded`: fed from the given one, and left as they were."""

import random

import numpy as np
import pytest
import torch

from estibench import seeded
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
