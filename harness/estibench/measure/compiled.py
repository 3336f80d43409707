"""An estimator under `torch.compile`: what is drawn and what is timed are one callable, which is compiled beforehand.

A generator is an argument that torch cannot trace, so graphs end where numbers are drawn: these are drawn as in a plain
call, by the same operators from the same stream, and what lies between is compiled. So the same seed gives the same
draw, two draws differ, and CUDA graphs never hold random numbers.
"""

from __future__ import annotations

import copy
import functools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from estibench.contracts.estimator import ErrorBarEstimator, Estimator
from estibench.errors import Unsupported
from estibench.host.components import PLAIN
from estibench.measure.device import parts

BACKEND = "inductor"
GRAPHS = "reduce-overhead"  # torch's name for CUDA graphs
STEADY = 2  # calls without a new graph, after which none is to come: of CUDA graphs one warms up and one records
MOST_CALLS = 16
DRAWING = "numbers are drawn between graphs: torch traces no generator"
# Every cell of a block keeps its graphs, whatever parameters the others have, and says so if it cannot; derivatives are
# taken inside of graphs. Of these torch knows some by its version.
TRACING = {
    "recompile_limit": 1 << 16,
    "accumulated_recompile_limit": 1 << 16,
    "fail_on_recompile_limit_hit": True,
    "trace_autograd_ops": True,
}
# Nothing else works on the host while a block is measured, and a header that is compiled once is in nobody's time.
GENERATING = {"compile_threads": 1, "cpp_cache_precompile_headers": False}


@dataclass(frozen=True)
class Compilation:
    """What became of it.

    Attributes:
        seconds: that the first calls took beyond the last of them.
        graphs: compiled pieces of one call; with none, the plain call is what is measured.
        breaks: places where Python goes on between them, each by its reason.
        note: why there is more or less than one graph, and whether graphs were replayed; empty where all went well.
    """

    seconds: float
    graphs: int
    breaks: int
    note: str

    @property
    def columns(self) -> dict[str, Any]:
        """As in the table."""
        return {
            "time_compile": self.seconds,
            "compile_graphs": self.graphs,
            "compile_breaks": self.breaks,
            "compile_note": self.note,
        }


@contextmanager
def compiling(modes: set[str]) -> Iterator[None]:
    """torch's compiler as it is asked for here, where anything is compiled; as it was afterwards."""
    if modes <= {PLAIN}:
        yield
        return
    import torch._dynamo
    import torch._inductor.config

    with ExitStack() as stack:
        for config, wanted in ((torch._dynamo.config, TRACING), (torch._inductor.config, GENERATING)):
            stack.enter_context(config.patch({name: one for name, one in wanted.items() if hasattr(config, name)}))
        yield


def compiled(estimator: Estimator, mode: str) -> Estimator:
    """A copy whose estimates come from a function that torch compiles when it is first called."""
    made = copy.copy(estimator)
    names = ("estimate", "estimate_with_error") if isinstance(estimator, ErrorBarEstimator) else ("estimate",)
    for name in names:
        plain, how = getattr(estimator, name), None if mode == "default" else mode
        whole = torch.compile(plain, backend=BACKEND, dynamic=False, mode=how)
        object.__setattr__(made, name, _stepwise(whole) if mode == GRAPHS else whole)
    return made


def why_not(mode: str, device: str) -> str | None:
    """Why nothing can be compiled in this way for a device, or None."""
    kind, _ = parts(device)
    if mode == GRAPHS and not hasattr(torch.get_device_module(kind), "graph"):
        return f"compile: {mode} records graphs of launches, which {device} has not"
    return None


def settle(once: Callable[[], float], mode: str) -> Compilation:
    """Call until nothing more is compiled, with an empty cache on the disk: what it costs is that of a first time.

    Args:
        once: makes a call and returns its seconds, until the device is done.

    Raises:
        Unsupported: the plain call works, and the compiled one does not.
    """
    from torch._dynamo.utils import counters
    from torch._inductor import utils

    empty = getattr(utils, "fresh_cache", None) or utils.fresh_inductor_cache
    before = {name: Counter(counters[name]) for name in ("stats", "graph_break", "inductor")}
    seconds: list[float] = []
    steady = known = 0
    refusal = ""
    with empty():  # which stays on the disk after an error
        try:
            while steady < STEADY and len(seconds) < MOST_CALLS:
                seconds.append(once())
                graphs = counters["stats"]["unique_graphs"]
                steady = steady + 1 if graphs == known else 0
                known = graphs
        except (Unsupported, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            cause = getattr(error, "inner_exception", error)
            said = str(cause).strip().splitlines() or [""]
            refusal = f"torch.compile ({mode}): {type(cause).__name__}: {said[0]}"
    if refusal:
        raise Unsupported(refusal)
    found = {name: Counter(counters[name]) - earlier for name, earlier in before.items()}
    breaks = found["graph_break"]
    note = [DRAWING if "Generator" in one else one.strip().splitlines()[0] for one, _ in breaks.most_common(1)]
    graphs = found["stats"]["unique_graphs"]
    if not graphs:
        note.insert(0, "nothing is compiled")
    if found["inductor"]["cudagraph_skips"]:
        note.append(f"{found['inductor']['cudagraph_skips']} graphs are launched one kernel at a time")
    total = max(sum(seconds) - len(seconds) * seconds[-1], 0.0)
    return Compilation(total, graphs, breaks.total(), "; ".join(note))


def _stepwise(call: Callable[..., Any]) -> Callable[..., Any]:
    """Each call may write where the last one left its result, as a user of CUDA graphs would have it."""

    @functools.wraps(call)
    def begun(*args: Any, **kwargs: Any) -> Any:
        torch.compiler.cudagraph_mark_step_begin()
        return call(*args, **kwargs)

    return begun
