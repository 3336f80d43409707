"""A plugin of estimators that do everything wrong that a plugin can do to the process that it runs in."""

import ctypes
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import torch

from estibench import Estimator, EstimatorEntry, ProblemEntry, Unbiased, hookimpl
from estibench_trace.structured_matrix import StructuredMatrix


@hookimpl
def bench_estimators():
    return [EstimatorEntry(cls.__name__.lower(), f"{__name__}:{cls.__name__}", cls.__doc__, ("trace",)) for cls in ALL]


@hookimpl
def bench_problems():
    return [
        ProblemEntry(cls.__name__.lower(), f"{__name__}:{cls.__name__}", cls.__doc__, "trace")
        for cls in (CrashingProblem, HangingProblem)
    ]


def hang(pause=signal.pause):
    """Never returns. Where the environment names a file, it says there who hangs: see `leap.py`."""
    if "FAULTS_HANG" in os.environ:
        Path(os.environ["FAULTS_HANG"]).write_text(str(os.getpid()))
    while True:
        pause()


@dataclass(frozen=True)
class Good(Estimator):
    """truth + scale · N(0, 1)."""

    scale: float = 1.0
    claims = (Unbiased(),)

    def estimate(self, problem, generator):
        noise = torch.randn(1, generator=generator, dtype=problem.torch_dtype)
        return problem.truth.to(problem.torch_dtype) + self.scale * noise


@dataclass(frozen=True)
class Talks(Good):
    """Good, but prints to the process's own stdout and stderr."""

    def estimate(self, problem, generator):
        print("a word on stdout")
        os.write(2, b"a word on file descriptor 2\n")
        return super().estimate(problem, generator)


@dataclass(frozen=True)
class DeletesLogs(Talks):
    """Talks, but deletes the folder of logs, named by the environment, in which that is written down."""

    def estimate(self, problem, generator):
        shutil.rmtree(os.environ["FAULTS_LOGS"], ignore_errors=True)
        return super().estimate(problem, generator)


@dataclass(frozen=True)
class Hangs(Good):
    """Waits in C code, without the interpreter's lock."""

    def estimate(self, problem, generator):
        hang()


@dataclass(frozen=True)
class HangsWithLock(Good):
    """Waits in C code and holds the interpreter's lock: no thread of the process can do anything about it."""

    def estimate(self, problem, generator):
        hang(ctypes.PyDLL(None).pause)


@dataclass(frozen=True)
class Exits(Good):
    """Ends the process at once."""

    def estimate(self, problem, generator):
        os._exit(3)


@dataclass(frozen=True)
class ExitsPolitely(Good):
    """Raises SystemExit."""

    def estimate(self, problem, generator):
        sys.exit("enough")


@dataclass(frozen=True)
class Segfaults(Good):
    """Reads address 0."""

    def estimate(self, problem, generator):
        ctypes.string_at(0)


@dataclass(frozen=True)
class Aborts(Good):
    """Raises SIGABRT, as a failed assertion in C++ does."""

    def estimate(self, problem, generator):
        os.abort()


@dataclass(frozen=True)
class IsKilled(Good):
    """Is killed from outside, as by the system when memory is short."""

    def estimate(self, problem, generator):
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Allocates(Good):
    """Takes a GiB, chunk by chunk, and keeps it until somebody looks."""

    def estimate(self, problem, generator):
        taken = [torch.ones(2**22) for _ in range(64)]
        while taken:
            signal.pause()


@dataclass(frozen=True)
class AllocatesAtOnce(Good):
    """Asks for more memory than there is."""

    def estimate(self, problem, generator):
        return torch.empty(2**60, dtype=torch.uint8)


@dataclass(frozen=True)
class Raises(Good):
    """Raises."""

    def estimate(self, problem, generator):
        raise RuntimeError("it <b>broke</b> | badly\nwith a second line")


@dataclass(frozen=True)
class ReturnsNan(Good):
    """Returns what is not a number."""

    def estimate(self, problem, generator):
        return super().estimate(problem, generator) * torch.nan


@dataclass(frozen=True)
class WrongShape(Good):
    """Returns two numbers instead of one."""

    def estimate(self, problem, generator):
        return torch.zeros(2, dtype=problem.torch_dtype)


@dataclass(frozen=True)
class WrongDtype(Good):
    """Returns integers."""

    def estimate(self, problem, generator):
        return torch.zeros(1, dtype=torch.int64)


@dataclass(frozen=True)
class GlobalRandomness(Good):
    """Draws from torch's global generator."""

    def estimate(self, problem, generator):
        return problem.truth.to(problem.torch_dtype) + torch.randn(1, dtype=problem.torch_dtype)


@dataclass(frozen=True)
class CrashesWhenTimed(Good):
    """Good for its draws, which are made by `draws`; ends the process when many single calls are made."""

    def estimate(self, problem, generator):
        calls[0] += 1
        if calls[0] > 20:
            os._exit(4)
        return super().estimate(problem, generator)

    def draws(self, problem, n, generator):
        noise = torch.randn(n, 1, generator=generator, dtype=problem.torch_dtype)
        return problem.truth.to(problem.torch_dtype) + noise


@dataclass(frozen=True)
class HangsWhenTimed(CrashesWhenTimed):
    """Good for its draws; hangs when many single calls are made."""

    def estimate(self, problem, generator):
        hanging[0] += 1
        if hanging[0] > 20:
            hang()
        return Good.estimate(self, problem, generator)


@dataclass(frozen=True)
class DrawsGlobally(Good):
    """Draws from numpy's global generator, but only where it makes many estimates at once."""

    def draws(self, problem, n, generator):
        noise = torch.from_numpy(np.random.standard_normal((n, 1)))
        return problem.truth.to(problem.torch_dtype) + noise.to(problem.torch_dtype)


@dataclass(frozen=True)
class ChangesDtype(Good):
    """Leaves another default dtype behind."""

    def estimate(self, problem, generator):
        torch.set_default_dtype(torch.float64)
        return super().estimate(problem, generator)


@dataclass(frozen=True)
class LeavesAMess(Good):
    """Patches what everyone uses, then raises: whoever comes next in its process would get other numbers."""

    def estimate(self, problem, generator):
        plain = torch.randn
        torch.randn = lambda *shape, **options: 3 * plain(*shape, **options)
        raise ValueError("not UTF-8: \udcff")


@dataclass(frozen=True)
class CrashesWhenBuilt(Good):
    """Ends the process when a worker builds it; the supervisor builds it too, to check its parameters."""

    def __post_init__(self):
        if "estibench.engines.nursery" in " ".join(sys.orig_argv):
            os._exit(9)


@dataclass(frozen=True)
class ForksAndExits(Good):
    """Leaves a child behind that holds everything open."""

    def estimate(self, problem, generator):
        if os.fork() == 0:
            signal.alarm(3600)  # whatever becomes of the test
            signal.pause()
        os._exit(6)


@dataclass(frozen=True)
class RealTimeSignal(Good):
    """Is killed by a signal without a name."""

    def estimate(self, problem, generator):
        os.kill(os.getpid(), 40)


@dataclass(frozen=True)
class Floods(Good):
    """Prints more than anyone reads, and waits until somebody looks."""

    def estimate(self, problem, generator):
        for _ in range(65):
            os.write(1, b"x" * 2**20)
        signal.pause()


@dataclass(frozen=True)
class KillsTheWorker(Good):
    """Kills the process that supervises its own: on a cluster, the node is lost."""

    def estimate(self, problem, generator):
        psutil.Process().parent().parent().kill()  # between the two is the nursery
        signal.pause()  # what dies with its parent dies here


@dataclass(frozen=True)
class Counts(Good):
    """Good; writes one line into a file, named by the environment, for every chunk of draws that it makes."""

    def draws(self, problem, n, generator):
        with Path(os.environ["FAULTS_COUNT"]).open("a") as file:
            file.write(f"{n} {self.scale}\n")
        noise = torch.randn(n, 1, generator=generator, dtype=problem.torch_dtype)
        return problem.truth.to(problem.torch_dtype) + self.scale * noise


@dataclass(frozen=True, kw_only=True)
class CrashingProblem(StructuredMatrix):
    """A problem whose truth ends the process."""

    @property
    def truth(self):
        os._exit(5)


@dataclass(frozen=True, kw_only=True)
class HangingProblem(StructuredMatrix):
    """A problem whose truth is never found."""

    @property
    def truth(self):
        hang()


calls, hanging = [0], [0]

ALL = [
    Good,
    Talks,
    DeletesLogs,
    Hangs,
    HangsWithLock,
    Exits,
    ExitsPolitely,
    Segfaults,
    Aborts,
    IsKilled,
    Allocates,
    AllocatesAtOnce,
    Raises,
    ReturnsNan,
    WrongShape,
    WrongDtype,
    GlobalRandomness,
    CrashesWhenTimed,
    HangsWhenTimed,
    DrawsGlobally,
    ChangesDtype,
    LeavesAMess,
    CrashesWhenBuilt,
    ForksAndExits,
    RealTimeSignal,
    Floods,
    KillsTheWorker,
    Counts,
]
