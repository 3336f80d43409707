"""Training of a cell that was interrupted: it goes on where it was, from a file that is written now and then."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from estibench.contracts.counting import count, counted

_OPEN: ContextVar[Unfinished | None] = ContextVar("unfinished", default=None)


@dataclass(eq=False)
class Unfinished:
    """How far the training runs of one cell are, each known by the randomness that it began with.

    A cell trains in the same order with the same generators whenever it is measured. So what has ended need not be made
    again: its generator is set to where it was left. What was cut goes on from its last step on file. Every number is
    what it would have been.

    Args:
        path: of the file; there is none before a cell has trained for `every`.

    Class attributes:
        every: seconds between two writes, which an interruption may cost.

    Attributes:
        seconds: that earlier sessions have spent on what has been taken from the file.
    """

    every: ClassVar[float] = 30.0

    path: Path
    seconds: float = field(init=False, default=0.0)
    _known: dict[str, dict[str, Any]] = field(init=False)
    _begun: list[str] = field(init=False, default_factory=list)
    _written: float = field(init=False, default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._known = _read(self.path)

    def begin(self, generator: torch.Generator, *what: Any) -> Run:
        """Some work, and how far it is. Its generator, its time and its counts go on from there.

        Args:
            what: tells it from other work that begins at the same randomness.
        """
        name = hashlib.sha256(repr((generator.get_state().tolist(), what)).encode()).hexdigest()[:16]
        known = self._known.get(name)
        run = Run(self, name, generator, len(self._begun), self.seconds, known and known["found"])
        self._begun.append(name)
        if known is not None:
            generator.set_state(known["generator"])
            self.seconds += known["seconds"]
            for unit, amount in known["counts"].items():
                count(unit, amount)
        return run

    def keep(self, run: Run, found: Any, ended: bool) -> None:
        """Take note of how far some work is, or that it has ended, and with it all that it was made of."""
        due = time.monotonic() - self._written >= self.every
        if ended:
            for name in self._begun[run.number :]:
                self._known.pop(name, None)
            del self._begun[run.number :]
        if due or ended:
            state = run.generator.get_state()
            known = {"found": found, "seconds": run.seconds, "counts": run.counts, "generator": state}
            self._known[run.name] = known
        if due:
            self._write()

    def _write(self) -> None:
        part = self.path.with_name(f"{self.path.name}.part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _save(self._known, part)
            os.replace(part, self.path)
        except Exception:  # of a full disk, or a state that is no tree of tensors: it begins anew then
            part.unlink(missing_ok=True)
        self._written = time.monotonic()


@dataclass(eq=False)
class Run:
    """Some work on its way: a training run, or draws that are made of training runs.

    Attributes:
        number: how many others had begun before and may go on.
        earlier: what `Unfinished.seconds` was at its beginning.
        found: what was known of it then, as `keep` was given it; None for nothing.
    """

    _of: Unfinished
    name: str
    generator: torch.Generator
    number: int
    earlier: float
    found: Any
    _start: float = field(init=False, default_factory=time.perf_counter)
    _counted: dict[str, int] = field(init=False, default_factory=counted)

    @property
    def seconds(self) -> float:
        """That it has taken, in all sessions."""
        return time.perf_counter() - self._start + self._of.seconds - self.earlier

    @property
    def counts(self) -> dict[str, int]:
        """What it has counted, in all sessions."""
        return {unit: amount - self._counted.get(unit, 0) for unit, amount in counted().items()}

    def keep(self, found: Any, ended: bool = True) -> None:
        """Take note of how far it is.

        Args:
            found: a tree of tuples, tensors and numbers.
        """
        self._of.keep(self, found, ended)


def unfinished() -> Unfinished | None:
    """What training runs are kept in, if somebody wants them kept."""
    return _OPEN.get()


@dataclass
class Earlier:
    """Attributes:
    seconds: that earlier sessions have spent on what this one has not made again.
    """

    seconds: float = 0.0


@contextmanager
def resumed(kept: Unfinished | None) -> Iterator[Earlier]:
    """Inside the `with` block training goes on where a file says, and is kept in it. What it yields is known later."""
    earlier, before = Earlier(), 0.0 if kept is None else kept.seconds
    token = _OPEN.set(kept)
    try:
        yield earlier
    finally:
        _OPEN.reset(token)
        earlier.seconds = 0.0 if kept is None else kept.seconds - before


def _save(known: dict[str, dict[str, Any]], path: Path) -> None:
    """Plain arrays and one text, which load without executing anything. Raises `TypeError` for any other value."""
    from safetensors.torch import save_file

    arrays: dict[str, Tensor] = {}
    text = json.dumps(known, default=lambda value: _reference(value, arrays))
    save_file(arrays, path, {"known": text})


def _reference(value: Any, arrays: dict[str, Tensor]) -> dict[str, str]:
    """What stands for a tensor in the text; the array is added to the others."""
    if not isinstance(value, Tensor):
        raise TypeError(f"a {type(value).__name__} cannot be kept")
    name = str(len(arrays))
    arrays[name] = value.detach().cpu().clone(memory_format=torch.contiguous_format)
    return {"array": name, "device": str(value.device)}


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """What a file holds; nothing where there is none, or a damaged one."""
    from safetensors import safe_open

    try:
        with safe_open(path, "pt") as file:
            known = json.loads(file.metadata()["known"])
            return {
                name: {part: _restored(value, file.get_tensor) for part, value in one.items()}
                for name, one in known.items()
            }
    except Exception:  # whatever a damaged file leads to
        return {}


def _restored(value: Any, array: Callable[[str], Tensor]) -> Any:
    """A value with tensors in the place of what stands for them, and tuples for lists."""
    if isinstance(value, list):
        return tuple(_restored(one, array) for one in value)
    if isinstance(value, dict) and "array" in value:
        return array(value["array"]).to(value["device"])
    return value
