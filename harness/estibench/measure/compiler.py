"""torch's compiler, which `torch.func` loads with the first gradient of a process, whether or not anything is compiled.

That takes a second, and most runs of plain autograd never need it: so nobody loads it beforehand. Nor is it work of the
estimator that happens to be the first: its first call is timed without.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

NAME = "torch._dynamo"


def is_loaded() -> bool:
    """Whether this process has it."""
    return NAME in sys.modules


@contextmanager
def loading() -> Iterator[Loading]:
    """Within, the seconds that it takes to load it are counted."""
    found = Loading()
    sys.meta_path.insert(0, found)
    try:
        yield found
    finally:
        with suppress(ValueError):
            sys.meta_path.remove(found)


class Loading(MetaPathFinder):
    """Attributes: seconds: that its import took so far; 0 where it was not imported."""

    seconds = 0.0

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        """The usual one; the compiler's with a loader that looks at the clock."""
        spec = PathFinder.find_spec(fullname, path, target) if fullname == NAME else None
        return spec and self._timed(spec)

    def _timed(self, spec: ModuleSpec) -> ModuleSpec:
        loader: Any = spec.loader
        run = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            start = time.perf_counter()
            try:
                run(module)
            finally:
                self.seconds += time.perf_counter() - start

        loader.exec_module = exec_module
        return spec
