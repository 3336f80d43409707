"""The tests of distributions that checks rest on: their level where nothing is wrong, and their power where it is.

All seeds are fixed. With 120 repetitions a true rate of 5 % gives more than 10 % with probability 0.5 %.
"""

import pytest
import torch

from estibench.testing.distribution import LEVEL, difference, p_value_of_groups

REPETITIONS = 120
LAWS = {
    "normal": lambda shape, g: torch.randn(shape, generator=g, dtype=torch.float64),
    "cauchy": lambda shape, g: torch.empty(shape, dtype=torch.float64).cauchy_(generator=g),
    "coin": lambda shape, g: (torch.rand(shape, generator=g) < 0.1).double(),
    "lognormal": lambda shape, g: torch.randn(shape, generator=g, dtype=torch.float64).mul(2).exp(),
}


@pytest.mark.parametrize(("law", "columns"), [("normal", 6), ("cauchy", 1), ("coin", 1), ("lognormal", 1)])
def test_levels_hold_whatever_the_tails(law, columns):
    generator = torch.Generator().manual_seed(0)
    samples = [LAWS[law]((2, 128, columns), generator) for _ in range(REPETITIONS)]
    assert sum(difference(*pair)[0] < 0.05 for pair in samples) <= 0.1 * REPETITIONS
    groups = [LAWS[law]((16, 16, columns), generator) for _ in range(REPETITIONS)]
    assert sum(p_value_of_groups(one) < 0.05 for one in groups) <= 0.1 * REPETITIONS


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda y: y + 0.6, "location"),
        (lambda y: 2 * y, "scale"),
        (lambda y: y.sign() * 0.8 + 0.1 * y, "shape"),
        (lambda y: torch.where(y > 2.5, torch.nan, y), "finiteness"),
    ],
)
def test_what_is_wrong_is_found_at_the_level_of_the_checks(change, what):
    generator = torch.Generator().manual_seed(1)
    x, y = LAWS["normal"]((2, 512, 2), generator)
    p_value, found = difference(x, change(y))
    assert p_value < LEVEL
    assert found == what


def test_shared_and_mirrored_noise_is_found():
    generator = torch.Generator().manual_seed(2)
    own, shared = LAWS["normal"]((16, 32, 3), generator), LAWS["normal"]((16, 1, 3), generator)
    assert p_value_of_groups(own) > 0.01
    assert p_value_of_groups(own + shared) < LEVEL
    assert p_value_of_groups(torch.cat([own, -own], 1)) < LEVEL


def test_constants_are_equal_or_not():
    ones = torch.ones(64, 2, dtype=torch.float64)
    assert difference(ones, ones) == (1.0, "")
    assert difference(ones, ones + 1)[0] < LEVEL
    assert p_value_of_groups(torch.ones(16, 8, 2, dtype=torch.float64)) == 1.0
