"""How assertions call a draw: what it may be a function of, what it may return, and what stays as it was.

Right draws pass with a false-failure rate of 10⁻⁶ each; seeds are fixed.
"""

import functools
import random
import warnings

import numpy as np
import pytest
import torch

from estibench.contracts.generators import restored
from estibench.errors import UserError
from estibench.testing import Undecided, assert_error_bar, assert_same_law, assert_unbiased, assert_variance
from estibench.testing.callables import convention, sample

HELD = np.random.default_rng(5)


def of_torch(generator):
    return 3 + torch.randn((), generator=generator)


def of_numpy(rng):
    return rng.normal(3, 1)


def of_seed(seed):
    return np.random.default_rng(seed).normal(3, 1)


def by_annotation(source: torch.Generator):
    return 3 + torch.randn((), generator=source, dtype=torch.float64)


def by_annotation_in_words(source: "np.random.Generator | None" = None):
    return source.normal(3, 1)


def by_integer(number: int) -> float:
    return random.Random(number).gauss(3, 1)


def by_keyword(*, rng):
    return rng.normal(3, 1)


def with_options(scale=1.0, generator=None):
    return 3 + scale * torch.randn((), generator=generator)


def of_global_torch():
    return 3 + torch.randn(())


def of_global_numpy():
    return np.random.normal(3, 1)


def of_global_python():
    return random.gauss(3, 1)


def of_its_own_generator():
    return HELD.normal(3, 1)


class Method:
    """A draw that is a method."""

    def draw(self, rng):
        return rng.normal(3, 1)

    def __call__(self, seed):
        return of_seed(seed)


DRAWS = [
    *(of_torch, of_numpy, of_seed, by_annotation, by_annotation_in_words, by_integer, by_keyword, with_options),
    *(of_global_torch, of_global_numpy, of_global_python, of_its_own_generator),
    *(Method().draw, Method(), functools.partial(lambda rng, mean: rng.normal(mean, 1), mean=3)),
]


@pytest.fixture(autouse=True)
def undecided_is_an_error():
    with warnings.catch_warnings():
        warnings.simplefilter("error", Undecided)
        yield


@pytest.mark.parametrize("draw", DRAWS, ids=lambda draw: getattr(draw, "__name__", type(draw).__name__))
def test_every_kind_of_function_passes_when_right_and_fails_when_wrong(draw):
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    assert_unbiased(draw, 3.0)
    with pytest.raises(AssertionError, match=r"0\.8\d ± 0\.0\d times the truth"):
        assert_unbiased(draw, 3.5)  # half a standard deviation
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    assert random.getstate() == before[2]


def test_global_generators_are_restored_after_an_error():
    def breaks():
        torch.randn(1)
        np.random.normal()
        random.random()
        raise ZeroDivisionError

    before = torch.get_rng_state(), np.random.get_state()[1:3], random.getstate()
    with pytest.raises(ZeroDivisionError):
        assert_unbiased(breaks, 0.0)
    assert torch.equal(torch.get_rng_state(), before[0])
    after = np.random.get_state()[1:3]
    assert np.array_equal(after[0], before[1][0])
    assert after[1] == before[1][1]
    assert random.getstate() == before[2]


@pytest.mark.parametrize("draw", [of_global_torch, of_global_numpy, of_global_python, of_seed, of_torch, of_numpy])
def test_outcomes_repeat_and_samples_differ(draw):
    first, again, other = (sample(draw, 8, stream, None, "cpu").values for stream in ((1, 0), (1, 0), (1, 1)))
    assert torch.equal(first, again)
    assert len(torch.cat([first, other]).unique()) == 16


@pytest.mark.parametrize(
    ("draw", "used"),
    [
        (lambda generator: torch.rand(1, generator=generator) * 0, True),
        (lambda rng: rng.random() * 0, True),
        (lambda: random.random() * 0, True),
        (lambda: np.random.random() * 0, True),
        (lambda: torch.rand(1) * 0, True),
        (lambda rng: torch.rand(1) * 0, True),  # not the generator that it is given
        (lambda: HELD.random() * 0, True),
        (lambda seed: 0, True),
        (lambda: 0, False),
        (lambda generator: 0, False),
        (lambda rng: 0, False),
    ],
)
def test_use_of_randomness_is_seen_where_draws_are_equal(draw, used):
    assert sample(draw, 4, (0,), None, "cpu").used is used


@pytest.mark.parametrize("shape", [(), (1,), (3,), (3, 4)])
@pytest.mark.parametrize(
    "kind",
    [
        lambda x: x,
        torch.from_numpy,
        lambda x: torch.from_numpy(x).float().requires_grad_(),
        np.ndarray.tolist,
        lambda x: x.astype(np.float32),
    ],
    ids=["array", "tensor", "float32 tensor with gradients", "list", "float32 array"],
)
def test_every_shape_and_kind_of_number(shape, kind):
    truth = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)

    def draw(rng):
        return kind(np.asarray(rng.normal(truth, 2.0)))

    assert_unbiased(draw, truth, draws=100)
    assert_unbiased(draw, torch.from_numpy(truth), draws=100)
    assert_variance(draw, np.full(shape, 4.0), draws=100)
    assert_variance(draw, 4.0 * truth.size, draws=100)
    assert_error_bar(lambda rng: (draw(rng), kind(np.full(shape, 2.0))), truth, draws=100)
    assert_same_law(draw, lambda rng: rng.normal(size=shape) * 2 + truth, draws=100)
    with pytest.raises(AssertionError, match="wrong sign"):
        assert_unbiased(lambda rng: kind(np.asarray(-rng.normal(truth, 2.0))), truth)


def test_integers_booleans_and_lists_of_tensors():
    assert_unbiased(lambda rng: rng.random() < 0.3, 0.3)
    assert_unbiased(lambda rng: rng.integers(0, 10), 4.5)
    assert_unbiased(lambda g: [torch.rand((), generator=g), torch.rand((), generator=g).double()], [0.5, 0.5])


def test_one_number_stands_for_all_components():
    assert_unbiased(lambda rng: rng.normal(2, 1, size=(2, 2)), 2)
    assert_error_bar(lambda rng: (rng.normal(2, 1, size=3), 1.0), 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: assert_unbiased(lambda x: 0, 0), r"is 'x' a generator or a seed\? name its argument"),
        (lambda: assert_unbiased(lambda x, rng: 0, 0), "asks for x, rng; give a function of a generator"),
        (lambda: assert_unbiased(dict.get, 0), "asks for|shows no signature"),
        (lambda: assert_unbiased(3.0, 0), "draw must be a function, and is float"),
        (lambda: assert_unbiased(of_numpy, 0, given="jax"), "given='jax'; known: 'torch'"),
        (lambda: assert_unbiased(of_numpy, [0, 1]), r"returns shape \(\), which is compared with shape \(2,\)"),
        (lambda: assert_unbiased(lambda rng: rng.normal(size=3), [[0, 1, 2]]), r"shape \(3,\).*shape \(1, 3\)"),
        (lambda: assert_unbiased(lambda rng: [0] * rng.integers(1, 9), 0), "every call must return the same shape"),
        (lambda: assert_unbiased(lambda rng: "x", 0), "real numbers are expected"),
        (lambda: assert_unbiased(lambda rng: None, 0), "real numbers are expected, and it is NoneType"),
        (lambda: assert_unbiased(lambda rng: 1j, 0), "real numbers are expected"),
        (lambda: assert_unbiased(lambda rng: torch.ones(1) * 1j, 0), "complex numbers"),
        (lambda: assert_unbiased(lambda rng: [], 0), "holds no numbers"),
        (lambda: assert_unbiased(lambda rng: [[1, 2], [3]], 0), "no array of numbers"),
        (lambda: assert_unbiased(of_numpy, float("nan")), "not finite"),
        (lambda: assert_unbiased(of_numpy, 3, rate=0), "rate=0; a false-failure rate"),
        (lambda: assert_unbiased(of_numpy, 3, draws=8), "draws=8; at least 32"),
        (lambda: assert_variance(of_numpy, -1), "-1; a variance is not negative"),
        (lambda: assert_error_bar(of_numpy, 3), r"must return \(estimate, error\), and returns"),
        (lambda: assert_error_bar(lambda rng: (0, 1), 3, confidence=95), "confidence=95; it lies"),
    ],
)
def test_a_mistake_is_one_clear_line(call, message):
    with pytest.raises(UserError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_what_an_argument_is_can_be_said():
    assert_unbiased(lambda x: x.normal(), 0, given="numpy")
    assert_unbiased(lambda x: torch.randn((), generator=x), 0, given="torch")
    assert_unbiased(lambda x: random.Random(x).random(), 0.5, given="seed")
    assert_unbiased(lambda rng=None: np.random.random(), 0.5, given="nothing")
    assert convention(lambda n=10: 0, None) == ("nothing", "")
    assert convention(with_options, None) == ("torch", "generator")


def test_seeding_reaches_every_global_generator():
    with restored() as seed_globals:
        drawn = []
        for _ in range(2):
            seed_globals(7)
            drawn.append((float(torch.rand(())), np.random.random(), random.random()))
    assert drawn[0] == drawn[1]
