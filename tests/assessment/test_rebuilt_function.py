"""Functions rebuilt with copies of what they reach: closures, globals, methods, partials; the originals untouched."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import Tensor, nn

from estibench.contracts.rebuilt_function import reached, rebuilt

GLOBAL_NET = nn.Linear(3, 3)
OFFSET = torch.ones(3)


def through_globals(x: Tensor) -> Tensor:
    return GLOBAL_NET(x) + OFFSET


def through_another(x: Tensor) -> Tensor:
    return 2 * through_globals(x)


class Holder:
    def __init__(self) -> None:
        self.net = nn.Linear(3, 3)
        self.nets = [nn.Linear(3, 3)]

    def field(self, x: Tensor) -> Tensor:
        return self.nets[0](self.net(x))

    def __call__(self, x: Tensor) -> Tensor:
        return self.field(x)


def closed() -> object:
    net, scale = nn.Linear(3, 3), torch.full((3,), 2.0)
    return lambda x: scale * net(x)


def nested() -> object:
    net = nn.Linear(3, 3)

    def inner(x: Tensor) -> Tensor:
        return net(x)

    return lambda x: inner(x).tanh()


HOLDER = Holder()
KINDS = {
    "module": nn.Linear(3, 3),
    "closure": closed(),
    "nested": nested(),
    "globals": through_globals,
    "calls another": through_another,
    "method": HOLDER.field,
    "instance": HOLDER,
    "partial": functools.partial(lambda net, x: net(x), nn.Linear(3, 3)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_copy_works_in_float64_and_agrees(kind: str) -> None:
    function = KINDS[kind]
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    copy = rebuilt(function, "cpu", torch.float64)
    exact = copy(x.double())
    assert exact.dtype == torch.float64
    assert not exact.requires_grad
    assert torch.allclose(exact.float(), function(x), atol=1e-6)  # type: ignore[operator]


@pytest.mark.parametrize("kind", KINDS)
def test_the_original_is_untouched(kind: str) -> None:
    function = KINDS[kind]
    before = [(thing, thing.requires_grad) for thing in _tensors(function)]
    state = [tensor.clone() for tensor, _ in before]
    copy = rebuilt(function, "cpu", torch.float64)
    copy(torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    for (tensor, required), old in zip(before, state, strict=True):
        assert tensor.dtype == torch.float32
        assert tensor.requires_grad == required
        assert tensor.grad is None
        assert torch.equal(tensor, old)


def test_what_holds_no_tensors_stays_itself() -> None:
    assert rebuilt(torch.tanh, "cpu", torch.float64) is torch.tanh
    plain = lambda x: x + 1  # noqa: E731
    assert rebuilt(plain, "cpu", torch.float64) is plain


def test_a_function_that_calls_itself_is_copied_once() -> None:
    net = nn.Linear(2, 2)

    def again(x: Tensor, depth: int = 2) -> Tensor:
        return net(x) if depth == 0 else again(x, depth - 1)

    assert rebuilt(again, "cpu", torch.float64)(torch.zeros(1, 2, dtype=torch.float64)).shape == (1, 2)


def _tensors(function: object) -> list[Tensor]:
    found: list[Tensor] = []
    for thing in reached(function):
        found += list(thing.parameters()) if isinstance(thing, nn.Module) else [thing]
    return found
