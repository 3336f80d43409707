"""Names of problems in sentences: short, and still different."""

from __future__ import annotations

from itertools import product

import pytest

from estibench.exports.short_names import listed, short_names


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["matrix(spectrum=flat, dim=64)", "matrix(spectrum=poly, dim=64)"], ["flat", "poly"]),
        (["matrix(spectrum=flat, dim=64)", "matrix(spectrum=poly, dim=9)"], ["flat", "poly"]),
        (["f(dim=2)", "f(dim=4)", "g(dim=2)"], ["f dim=2", "f dim=4", "g"]),
        (
            ["s(density=mix(layout=random, spread=1), dim=2)", "s(density=mix(layout=random, spread=1), dim=4)"],
            ["dim=2", "dim=4"],
        ),
        (["s(density=mix(spread=1))", "s(density=mix(spread=2))"], ["mix(spread=1)", "mix(spread=2)"]),
        (["s(density=mix(spread=1))", "s(density=t)"], ["mix", "t"]),
        (["f(flag=True)", "f(flag=False)"], ["flag=True", "flag=False"]),
        (["f", "f(rate=5)"], ["f", "rate=5"]),
        (["f(dim=2)"], ["f"]),
        (["f"], ["f"]),
    ],
)
def test_only_what_tells_apart_is_left(labels: list[str], names: list[str]) -> None:
    assert list(short_names(labels).values()) == names


def test_different_problems_never_get_one_name() -> None:
    """All pairs of labels of a few parameters, nested ones too."""
    parts = [f"f(a={a}, b={b}, c=g(d={d}))" for a, b, d in product("xy", "12", "34")] + ["f", "f(a=x)", "g", "x"]
    for one, other in product(parts, parts):
        names = short_names([one, other])
        assert len(set(names.values())) == len({one, other})


def test_a_name_that_would_be_anothers_stays_long() -> None:
    labels = ["a b(k=x)", "a(k=b)", "a(k=c)"]
    assert len(set(short_names(labels).values())) == 3


def test_what_begins_alike_is_said_once() -> None:
    assert listed(["mlp dim=2", "mlp dim=4", "other", "t"]) == "mlp dim=2/4, other, t"
    assert listed(["matrix flat", "matrix poly", "skew"]) == "matrix flat/poly, skew"
    assert listed([f"problem_{at}" for at in range(9)], room=25) == "problem_0, problem_1 and 7 more"
    assert listed(["one_that_is_longer_than_the_room", "b"], room=5) == "one_that_is_longer_than_the_room and 1 more"
