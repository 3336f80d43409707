"""How a draw of anyone's function is called, and what becomes of what it returns.

A draw is a function of a `torch.Generator`, of a `numpy.random.Generator`, of an integer seed, or of nothing; it
returns a number, a nested list, an array or a tensor, always in one shape. While it is called the global generators of
torch, numpy and Python are seeded, so that outcomes repeat; afterwards they are as before.
"""

from __future__ import annotations

import functools
import inspect
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from estibench.contracts.generators import global_generators, restored, state_bytes
from estibench.errors import UserError
from estibench.measure import device as devices

Given = Literal["torch", "numpy", "seed", "nothing"]
_NAMES: dict[str, Given] = {
    **dict.fromkeys(("generator", "gen", "g", "torch_generator"), "torch"),
    **dict.fromkeys(("rng", "numpy_rng", "np_rng", "numpy_generator"), "numpy"),
    **dict.fromkeys(("seed", "random_seed", "random_state"), "seed"),
}
_HOW = "name its argument generator (torch), rng (numpy) or seed, or say given='torch', 'numpy', 'seed' or 'nothing'"


@dataclass(frozen=True)
class Draws:
    """What n calls returned.

    Attributes:
        values: float64 on the CPU, (n, D).
        shape: of one draw.
        eps: machine epsilon of the dtype that came back.
        used: whether any randomness was used: the generator moved, or a global one, or one that the function holds. A
            function of a seed counts as random, since nobody can see what it does with the seed.
    """

    values: Tensor
    shape: tuple[int, ...]
    eps: float
    used: bool


def call(
    draw: Callable[..., Any], n: int, stream: Sequence[int], given: Given | None, device: str
) -> tuple[list[Any], bool]:
    """What n calls of `draw` return, and whether any randomness was used.

    Args:
        stream: numbers that name this sample; another name gives other randomness.
        given: what `draw` is a function of; found out from its signature where it is None.
        device: of the torch generator.
    """
    kind, keyword = convention(draw, given)
    seeds = np.random.SeedSequence(list(stream)).generate_state(n + 1).tolist()
    generator: Any = None
    if kind == "torch":
        generator = devices.generator(device, seeds[n])
    elif kind == "numpy":
        generator = np.random.default_rng(seeds[n])
    held = [*_held(draw), *([] if generator is None else [generator])]
    used, outputs = kind == "seed", []
    with restored() as seed_globals:
        seed_globals(seeds[n])
        for number in range(n):
            if kind == "nothing":
                seed_globals(seeds[number])
            before = None if used else _states(held)
            argument = seeds[number] if kind == "seed" else generator
            if kind == "nothing":
                outputs.append(draw())
            elif keyword:
                outputs.append(draw(**{keyword: argument}))
            else:
                outputs.append(draw(argument))
            used = used or before != _states(held)
    return outputs, used


def sample(draw: Callable[..., Any], n: int, stream: Sequence[int], given: Given | None, device: str) -> Draws:
    """n draws; arguments as for `call`."""
    outputs, used = call(draw, n, stream, given, device)
    return stacked(outputs, used)


def stacked(outputs: Sequence[Any], used: bool, what: str = "draw") -> Draws:
    """What calls returned, as one tensor. Raises `UserError` for what is no array of real numbers, or changes shape."""
    shape: tuple[int, ...] = ()
    if all(isinstance(one, (float, int, np.number, np.bool_)) for one in outputs):  # one conversion for all is faster
        together = _array(np.asarray(outputs), what)
        dtype, values = together.dtype, together.to(torch.float64)[:, None]
    else:
        arrays = [_array(one, what) for one in outputs]
        dtype, shape = arrays[0].dtype, tuple(arrays[0].shape)
        for number, one in enumerate(arrays):
            if tuple(one.shape) != shape:
                raise UserError(
                    f"{what}: shape {tuple(one.shape)} at call {number + 1}, {shape} before; "
                    "every call must return the same shape"
                )
        if arrays[0].numel() == 0:
            raise UserError(f"{what}: shape {shape} holds no numbers")
        values = torch.stack([one.reshape(-1).to(torch.float64) for one in arrays])
    eps = torch.finfo(dtype).eps if dtype.is_floating_point else 0.0
    return Draws(values, shape, eps, used or bool((values != values[0]).any()))


def convention(draw: Callable[..., Any], given: Given | None) -> tuple[Given, str]:
    """What `draw` is a function of, and the keyword by which it wants it; empty where by position."""
    try:
        parameters = inspect.signature(draw, eval_str=True).parameters.values()
    except (NameError, SyntaxError, AttributeError):  # annotations that only a type checker can resolve
        parameters = inspect.signature(draw).parameters.values()
    except ValueError:  # built in, without a signature
        parameters = {}.values()
        if given is None:
            raise UserError(
                f"{_name(draw)} shows no signature; say given='torch', 'numpy', 'seed' or 'nothing'"
            ) from None
    except TypeError:
        raise UserError(f"draw must be a function, and is {type(draw).__name__}") from None
    named = [one for one in parameters if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    required = [one for one in named if one.default is one.empty]
    if len(required) > 1:
        names = ", ".join(one.name for one in required)
        raise UserError(f"{_name(draw)} asks for {names}; give a function of a generator, of a seed or of nothing")
    if given is not None and given not in ("torch", "numpy", "seed", "nothing"):
        raise UserError(f"given={given!r}; known: 'torch', 'numpy', 'seed', 'nothing'")
    if given == "nothing":
        return given, ""
    for one in required or named:
        kind = given or _kind(one, bool(required))
        if kind:
            return kind, one.name if one.kind is one.KEYWORD_ONLY or not required else ""
    if required:
        raise UserError(f"{_name(draw)}: is {required[0].name!r} a generator or a seed? {_HOW}")
    return given or "nothing", ""


def _kind(parameter: inspect.Parameter, required: bool) -> Given | None:
    """What a parameter takes, by its annotation or its name."""
    text = "" if parameter.annotation is parameter.empty else str(parameter.annotation)
    if "Generator" in text and "torch" in text:
        return "torch"
    if "Generator" in text and ("numpy" in text or "np." in text):
        return "numpy"
    if required and re.search(r"\bint\b", text):
        return "seed"
    return _NAMES.get(parameter.name)


def _name(draw: Callable[..., Any]) -> str:
    return str(getattr(draw, "__name__", type(draw).__name__))


def _held(draw: Any) -> list[Any]:
    """Generators that a function keeps by itself: in its closure, its module's names, its object, its defaults."""
    things: list[Any] = [draw]
    while isinstance(things[-1], functools.partial):
        partial = things[-1]
        things[-1:] = [*partial.args, *partial.keywords.values(), partial.func]
    function = things[-1]
    owner = getattr(function, "__self__", None)
    things.append(owner)
    inner = getattr(function, "__func__", function)
    if inspect.isfunction(inner):
        closure = inspect.getclosurevars(inner)
        things += [*closure.nonlocals.values(), *closure.globals.values(), *(inner.__defaults__ or ())]
    kinds = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)
    inside = [
        value for thing in things if not inspect.ismodule(thing) for value in getattr(thing, "__dict__", {}).values()
    ]
    return [thing for thing in (*things, *inside) if isinstance(thing, kinds)]


def _states(held: Sequence[Any]) -> list[bytes]:
    """The states of all generators that a draw may use, to be compared."""
    found: list[Any] = [one.read() for one in global_generators()]
    for one in held:
        if isinstance(one, np.random.Generator):
            found.append(one.bit_generator.state)
        elif isinstance(one, random.Random):
            found.append(one.getstate())
        else:
            found.append(one.get_state())
    return [state_bytes(state) for state in found]


def _array(output: Any, what: str) -> Tensor:
    """One output as a real tensor on the CPU, in its own dtype."""
    if isinstance(output, (list, tuple)) and any(isinstance(one, Tensor) for one in output):
        output = torch.stack([torch.as_tensor(one) for one in output])
    if isinstance(output, Tensor):
        found = output.detach().cpu()
    else:
        try:
            array = np.asarray(output)
        except ValueError as error:
            raise UserError(f"{what}: no array of numbers: {error}") from None
        if array.dtype.kind not in "fiub":
            kind = type(output).__name__ if array.dtype.kind == "O" else array.dtype.name
            raise UserError(f"{what}: real numbers are expected, and it is {kind}")
        found = torch.as_tensor(array.astype(np.float64) if array.dtype.itemsize > 8 else array.copy())
    if found.is_complex():
        raise UserError(f"{what}: complex numbers; return their real and imaginary parts")
    return found
