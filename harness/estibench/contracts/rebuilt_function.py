"""A copy of a user's function whose networks and tensors are copies too, frozen and in another dtype.

People write `lambda z: decoder(z.flatten(-2))`: the network is not an argument but something that the function closes
over, or a name of its module. Such a function is rebuilt from its code with these replaced, so that the user's objects
are never used and the same function can be had in float64.
"""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

DEEPEST = 8  # functions that call functions


def rebuilt(function: Any, device: str | None, dtype: torch.dtype | None) -> Any:
    """The copy. Floating-point tensors and modules move to `device` and `dtype`; None leaves them.

    What is neither a function, a method, a module nor a container of such stays as it is.
    """
    return _Rebuilder(device, dtype)(function, 0)


def reached(function: Any) -> list[nn.Module | Tensor]:
    """The modules and floating-point tensors that a function reaches, itself included, in the order of its code."""
    found: list[nn.Module | Tensor] = []
    _Rebuilder(None, None, found.append)(function, 0)
    return found


class _Rebuilder:
    """Copies things, each once."""

    def __init__(
        self, device: str | None, dtype: torch.dtype | None, see: Callable[[nn.Module | Tensor], None] | None = None
    ) -> None:
        self._device, self._dtype, self._see = device, dtype, see
        self._made: dict[int, Any] = {}
        self._kept: list[Any] = []  # keeps ids from being used again

    def __call__(self, thing: Any, depth: int) -> Any:
        if depth > DEEPEST:
            return thing
        if id(thing) not in self._made:
            self._kept.append(thing)
            self._made[id(thing)] = thing  # for containers that hold themselves
            self._made[id(thing)] = self._make(thing, depth)
        return self._made[id(thing)]

    def _make(self, thing: Any, depth: int) -> Any:
        match thing:
            case nn.Module():
                return self._module(thing)
            case Tensor() if thing.is_floating_point():
                if self._see:
                    self._see(thing)
                return thing.detach().to(device=self._device, dtype=self._dtype, copy=True)
            case types.FunctionType():
                return self._function(thing, depth)
            case types.MethodType():
                return types.MethodType(self(thing.__func__, depth), self(thing.__self__, depth + 1))
            case functools.partial():
                keywords = {name: self(value, depth + 1) for name, value in thing.keywords.items()}
                arguments = [self(value, depth + 1) for value in thing.args]
                return functools.partial(self(thing.func, depth + 1), *arguments, **keywords)
            case list() | tuple() if type(thing) in (list, tuple):
                return type(thing)(self(item, depth + 1) for item in thing)
            case dict() if type(thing) is dict:
                return {key: self(item, depth + 1) for key, item in thing.items()}
            case _:
                return self._object(thing, depth)

    def _module(self, module: nn.Module) -> nn.Module:
        if self._see:
            self._see(module)
            return module
        made = copy.deepcopy(module).to(device=self._device, dtype=self._dtype)
        for parameter in made.parameters():
            parameter.requires_grad_(False)
            parameter.grad = None
        return made

    def _function(self, function: types.FunctionType, depth: int) -> Any:
        if (function.__module__ or "").partition(".")[0] in ("torch", "numpy", "estibench"):
            return function
        old = function.__closure__ or ()
        cells = tuple(types.CellType() for _ in old)
        names = set(_names(function.__code__)) & function.__globals__.keys()
        scope = dict(function.__globals__) if names else function.__globals__
        made = types.FunctionType(function.__code__, scope, function.__name__, function.__defaults__, cells)
        made.__kwdefaults__ = function.__kwdefaults__
        self._made[id(function)] = made  # it may mention itself
        changed = False
        for name in names:
            scope[name] = self(function.__globals__[name], depth + 1)
            changed |= scope[name] is not function.__globals__[name]
        for new, cell in zip(cells, old, strict=True):
            try:
                inside = cell.cell_contents
            except ValueError:  # not yet filled
                continue
            new.cell_contents = self(inside, depth + 1)
            changed |= new.cell_contents is not inside
        return made if changed else function

    def _object(self, thing: Any, depth: int) -> Any:
        """An instance of a user's plain class with such things among its attributes."""
        kind = type(thing)
        if (
            isinstance(thing, type | types.ModuleType)
            or not hasattr(thing, "__dict__")
            or kind.__module__ == "builtins"
        ):
            return thing
        if kind.__module__.partition(".")[0] in ("numpy", "estibench", "collections"):
            return thing
        attributes = {name: self(value, depth + 1) for name, value in vars(thing).items()}
        if all(attributes[name] is value for name, value in vars(thing).items()):
            return thing
        try:
            made = copy.copy(thing)
            made.__dict__.update(attributes)
        except Exception:  # an object may refuse to be copied in any way
            return thing
        return made


def _names(code: types.CodeType) -> list[str]:
    """Global names that code and the functions inside it mention."""
    found = list(code.co_names)
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            found += _names(inner)
    return found
