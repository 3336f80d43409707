"""A pretended accelerator: tensors on a device of their own, computed on the CPU, for finding device mistakes anywhere.

Inside `pretended()` torch's device `meta` holds data. A tensor there wraps one on the CPU, every operator on it runs on
what it wraps, and what a real accelerator refuses is refused: operators that mix devices, a CPU generator for a tensor
that is not there, `.numpy()`. What a real one does silently but slowly is written down: waiting for the device in order
to read a number, copies to and from the host.

Its numbers are those of the CPU, bit for bit, and so are its random streams: an estimate that differs from the CPU's
was not made from the same data.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from estibench.contracts import placed

DEVICE = "meta"
BETWEEN = (__file__, placed.__file__)  # not who asks for a trip, but on the way
aten = torch.ops.aten

READS = (aten._local_scalar_dense.default, aten.equal.default, aten.nonzero.default, aten.masked_select.default)
COPIES = (aten._to_copy.default, aten.copy_.default, aten.copy.default)
INDEXED = (aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default)


class DeviceMistakeError(RuntimeError):
    """What a real accelerator would have refused."""


@dataclass(frozen=True)
class Trip:
    """One wait for the device, or one copy between it and the host.

    Attributes:
        what: `"reads"` (a number, or a shape that depends on data), `"to the host"` or `"from the host"`.
        operator: of torch.
        where: file and line of whoever asked, outside of torch, of this file and of `Placed.place`.
    """

    what: str
    operator: str
    where: str


@dataclass
class Log:
    """The trips since it was last cleared."""

    trips: list[Trip] = field(default_factory=list)

    def clear(self) -> None:
        self.trips.clear()


class _There(Tensor):
    """A tensor on the pretended device."""

    wrapped: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, wrapped: Tensor) -> _There:
        made = Tensor._make_wrapper_subclass(
            cls,
            wrapped.size(),
            strides=wrapped.stride(),
            storage_offset=wrapped.storage_offset(),
            dtype=wrapped.dtype,
            layout=wrapped.layout,
            device=torch.device(DEVICE),
        )
        made.wrapped = wrapped
        return made

    def __repr__(self) -> str:  # type: ignore[override]
        return f"there({self.wrapped!r})"

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        raise DeviceMistakeError(f"{func} on a tensor of the pretended device after it has gone")


class _Generator(torch.Generator):
    """A generator that says on which device it was made. Its stream is the CPU's."""

    there: ClassVar[set[int]] = set()  # those on the pretended device: operators get other objects for the same

    def __new__(cls, device: Any = "cpu") -> _Generator:
        there = torch.device(device).type == DEVICE
        made = super().__new__(cls, device="cpu" if there else device)  # type: ignore[call-arg]
        (cls.there.add if there else cls.there.discard)(_identity(made))
        return made

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return torch.device(DEVICE if _identity(self) in self.there else "cpu")


class _Calls(TorchFunctionMode):
    """What torch makes or reads without an operator, and what it refuses to subclasses of a tensor."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.tensor, torch.as_tensor, torch.asarray) and kwargs.get("device") is not None:
            device = kwargs.pop("device")
            return func(*args, **kwargs).to(device)
        if func is Tensor.tolist:
            return func(args[0].to("cpu"))
        if func is Tensor.numpy and args[0].device.type == DEVICE:
            raise TypeError("cannot convert a tensor on the device to numpy: copy it to the host first")
        return func(*args, **kwargs)


class _Pretence(TorchDispatchMode):
    """Runs each operator on the CPU, after asking whether a real accelerator would."""

    def __init__(self, log: Log, lacks: tuple[torch.dtype, ...]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._log = log
        self._lacks = lacks

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        there = any(isinstance(one, _There) for one in tensors)
        wanted = kwargs.get("device")
        target = there if wanted is None else torch.device(wanted).type == DEVICE
        if not there and not target:
            self._check_generator(func, kwargs, target)
            return func(*args, **kwargs)
        self._check_mixing(func, tensors)
        self._check_generator(func, kwargs, target)
        if func in READS or (func in INDEXED and any(one.dtype == torch.bool for one in tensors[1:])):
            self._note("reads", func)
        if func in COPIES:
            self._note_copy(func, args, target)
        if func is aten._efficientzerotensor.default:  # of forward mode; its handling lies above this mode
            func = aten.zeros.default
        if wanted is not None:
            kwargs["device"] = torch.device("cpu") if target else torch.device(wanted)
        plain_args, plain_kwargs = tree_map(_unwrap, (args, kwargs))
        found = func(*plain_args, **plain_kwargs)
        known = {id(_unwrap(one)): one for one in tensors}
        return tree_map(lambda one: self._wrap(one, known) if target else known.get(id(one), one), found)

    def _wrap(self, found: Any, known: Mapping[int, Tensor]) -> Any:
        """A result on the pretended device; an argument that an operator returns stays that argument."""
        if not isinstance(found, Tensor):
            return found
        if id(found) in known:
            return known[id(found)]
        if found.dtype in self._lacks:
            raise TypeError(f"the pretended device does not support {found.dtype}")
        return _There(found)

    def _check_mixing(self, func: Any, tensors: list[Tensor]) -> None:
        """Only a number, an index or a source may be elsewhere."""
        if func in COPIES or (func in INDEXED and isinstance(tensors[0], _There)):
            return
        elsewhere = [one for one in tensors if not isinstance(one, _There) and one.dim()]
        if elsewhere and len(elsewhere) < len(tensors):
            raise DeviceMistakeError(
                f"{func}: expected all tensors on one device; one of shape {tuple(elsewhere[0].shape)} is on the CPU"
            )

    def _check_generator(self, func: Any, kwargs: Mapping[str, Any], there: bool) -> None:
        generator = kwargs.get("generator")
        if generator is not None and (_identity(generator) in _Generator.there) is not there:
            where = "device" if there else "CPU"
            raise DeviceMistakeError(f"{func}: the tensor is on the {where}, its generator is not")

    def _note_copy(self, func: Any, args: Any, target: bool) -> None:
        source = args[1] if func is not aten._to_copy.default else args[0]
        if func is not aten._to_copy.default:
            target = isinstance(args[0], _There)
        if isinstance(source, _There) and not target:
            self._note("to the host", func)
        elif not isinstance(source, _There) and target and source.dim():
            self._note("from the host", func)

    def _note(self, what: str, func: Any) -> None:
        self._log.trips.append(Trip(what, str(func), _asked_by()))


def _identity(generator: Any) -> int:
    """Of the generator itself, whatever object of Python stands for it."""
    return int(generator._cdata)


def _unwrap(value: Any) -> Any:
    return value.wrapped if isinstance(value, _There) else value


def _asked_by() -> str:
    """File and line of the innermost frame that is neither torch's nor of `BETWEEN`."""
    frame = sys._getframe(1)
    while frame.f_back is not None and (frame.f_code.co_filename in BETWEEN or "/torch/" in frame.f_code.co_filename):
        frame = frame.f_back
    return f"{'/'.join(Path(frame.f_code.co_filename).parts[-2:])}:{frame.f_lineno}"


@contextmanager
def pretended(*, float64: bool = True) -> Iterator[Log]:
    """The pretended accelerator is there, as device `"meta"`, inside of the `with` block.

    Args:
        float64: whether it has double precision; some real ones have not.
    """
    log = Log()
    real = torch.Generator
    torch.Generator = _Generator  # type: ignore[misc]
    try:
        with _Calls(), _Pretence(log, () if float64 else (torch.float64,)):
            yield log
    finally:
        torch.Generator = real  # type: ignore[misc]
