"""A user's field of time and state, or of the state alone."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from estibench import OwnFunction


def in_time(own: OwnFunction) -> OwnFunction:
    """f(t, z) of what takes (t, z) or z alone."""
    if _takes_time(own.function):
        return own
    if isinstance(own.function, nn.Module):
        return replace(own, function=Autonomous(own.function))
    function = own.function
    return replace(own, function=lambda t, z: function(z))


class Autonomous(nn.Module):
    """(t, z) → f(z)."""

    def __init__(self, field: nn.Module) -> None:
        super().__init__()
        self.field = field

    def forward(self, t: Tensor, z: Tensor) -> Any:
        return self.field(z)


def _takes_time(function: Any) -> bool:
    """Whether it has two required arguments. What does not say is taken to have both."""
    called = function.forward if isinstance(function, nn.Module) else function
    try:
        given = inspect.signature(called).parameters.values()
    except (TypeError, ValueError):
        return True
    plain = [one for one in given if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    required = [one for one in plain if one.default is one.empty]
    return len(required) >= 2 or any(one.kind is one.VAR_POSITIONAL for one in given) or not plain
