"""Checks of a problem: its truth, its data and its oracles."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from estibench.contracts.claims import Exact
from estibench.contracts.counting import counting
from estibench.contracts.estimator import Estimator
from estibench.errors import Unsupported
from estibench.host import Host
from estibench.measure.claims import rounding_tolerance
from estibench.measure.device import generator, why_unavailable
from estibench.measure.globals import untouched
from estibench.suite.devices import accelerator
from estibench.testing.trial import CheckFailedError, NotApplicable

LOSS = 1024.0  # machine epsilons of the magnitude by which a truth may move with the rounding of its data


@dataclass
class Posed:
    """A problem to be checked.

    Attributes:
        task: the name of its task, empty where nothing registers it.
    """

    problem: Any
    host: Host
    task: str = ""

    def fresh(self) -> Any:
        """The same problem without anything that it has computed."""
        return dataclasses.replace(self.problem)

    @cached_property
    def truth(self) -> Tensor:
        """Its truth. Raises `NotApplicable` where there is none worth a further check."""
        try:
            found = self.problem.truth
        except Exception as error:  # a plugin's problem may fail in any way
            raise NotApplicable(f"no truth ({error}): see truth_is_exact_data") from error
        if not isinstance(found, Tensor):
            raise NotApplicable("no truth: see truth_is_exact_data")
        return found

    def estimators(self) -> Iterator[Estimator]:
        """The estimators of its task: the baseline first."""
        if not self.task:
            raise NotApplicable("nothing registers the problem, so its task is not known")
        baseline = self.host.tasks.get(self.task).load().baseline
        entries = [entry for entry in self.host.estimators if self.task in entry.tasks]
        for entry in sorted(entries, key=lambda entry: entry.name != baseline):
            try:
                yield entry.load()()
            except Exception:  # another plugin's estimator
                continue


def truth_is_exact_data(posed: Posed) -> None:
    """The truth is a finite float64 tensor on the CPU, and `truth_source` says where it comes from."""
    truth, source = posed.problem.truth, posed.problem.truth_source
    if not isinstance(truth, Tensor) or truth.dtype != torch.float64 or truth.device.type != "cpu":
        kind = f"{truth.dtype} tensor on {truth.device}" if isinstance(truth, Tensor) else type(truth).__name__
        raise CheckFailedError(
            f"the truth is a {kind}", "a float64 tensor on the CPU", "compute it in float64, whatever the dtype"
        )
    if not bool(torch.isfinite(truth).all()) or truth.numel() == 0:
        raise CheckFailedError(
            f"{int((~torch.isfinite(truth)).sum())} of {truth.numel()} components of the truth are not finite",
            "finite numbers",
            "refuse in __post_init__ the parameters for which there is no truth",
        )
    if not isinstance(source, str) or not source.strip():
        raise CheckFailedError(
            f"truth_source = {source!r}", "'closed form', or how it was computed", "say it: it is a column of the table"
        )


def truth_repeats(posed: Posed) -> None:
    """The same parameters give the same truth bit for bit, whatever the global generators, which stay untouched."""
    first = posed.truth
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(12345)
        other = posed.fresh()
        again = other.truth
        other.prepare()  # libraries may draw numbers as they are first imported, which is no trace of a problem
    if not torch.equal(first, again):
        raise CheckFailedError(
            f"the truth of an equal problem differs by {float((first - again).norm()):.3g}",
            "the same bits",
            "make data from self.data_generator(), never from a global generator",
        )
    with untouched() as faults:
        problem = posed.fresh()
        _ = problem.truth
        problem.prepare()
    if faults:
        raise CheckFailedError("; ".join(faults), "no trace of its making", "use self.data_generator()")


def same_truth_everywhere(posed: Posed) -> None:
    """In float32, and on an accelerator where there is one, the truth is the same up to the rounding of the data."""
    first = posed.truth
    devices = [device for device in ("cpu", accelerator()) if device and not why_unavailable(device, "float32")]
    places = [(device, "float32") for device in devices]
    for device, dtype in places:
        problem = posed.fresh().at(device, dtype)
        found = problem.truth
        if found.dtype != torch.float64 or found.device.type != "cpu":
            raise CheckFailedError(
                f"in {dtype} on {device} the truth is {found.dtype} on {found.device}",
                "float64 on the CPU everywhere",
                "compute the truth from the data in float64, before they are cast",
            )
        allowed = LOSS * problem.eps * float(problem.magnitude)
        distance = float((first - found).norm()) if first.shape == found.shape else float("inf")
        if not distance <= allowed:
            raise CheckFailedError(
                f"in {dtype} on {device} the truth moves by {distance:.3g}",
                f"at most {allowed:.3g}, which rounding of the data explains",
                "make data once in float64 from the seed and cast them with self.place; randn in another dtype gives "
                "other numbers",
            )


def data_are_lazy(posed: Posed) -> None:
    """Making it computes nothing: planning a suite must cost nothing."""
    names = {one.name for one in dataclasses.fields(posed.problem)}
    made = [name for name, value in vars(posed.fresh()).items() if name not in names and holds_a_tensor(value)]
    if made:
        raise CheckFailedError(
            f"{made[0]} exists as soon as the problem does",
            "data that are made when they are first needed",
            "make them in a functools.cached_property instead of __post_init__",
        )


def magnitude_is_sane(posed: Posed) -> None:
    """`magnitude` is a finite number, not negative, and not far below the truth's norm."""
    truth = posed.truth
    magnitude = float(posed.problem.magnitude)
    if not 0 <= magnitude < float("inf") or magnitude < 1e-6 * float(truth.norm()):
        raise CheckFailedError(
            f"magnitude {magnitude:g} for a truth of norm {float(truth.norm()):g}",
            "the size of the terms that add up to the truth",
            "leave it out to take the truth's norm; override it where terms cancel",
        )


def axis_fits_the_truth(posed: Posed) -> None:
    """Where the truth is a curve, its axis has a name, and a value for every component."""
    axis = posed.problem.axis
    if axis is None:
        raise NotApplicable("the truth is no curve")
    name, values = axis
    if not isinstance(name, str) or len(values) != posed.truth.numel():
        raise CheckFailedError(
            f"an axis {name!r} of {len(values)} values",
            f"a name and {posed.truth.numel()} values, one for each component of the truth",
            "return (name, values)",
        )


def oracles_count(posed: Posed) -> None:
    """What an estimator of the task spends on it is counted in the task's unit."""
    unit = posed.host.tasks.get(posed.task).load().work if posed.task else ""
    spent: dict[str, int] = {}
    tried = 0
    for estimator in posed.estimators():
        posed.problem.prepare()
        with counting() as counts:
            try:
                estimator.estimate(posed.problem, generator(posed.problem.device, 0))
            except Exception:  # it does not apply, or is broken: both are its own checks' business
                continue
        tried += 1
        spent = dict(counts)
        if spent.get(unit):
            return
    if not tried:
        raise NotApplicable("no estimator of its task applies at its defaults")
    raise CheckFailedError(
        f"{tried} estimator(s) of the task {posed.task!r} spent {spent or 'nothing'}",
        f"some {unit}s, the unit of the task",
        f"call estibench.count({unit!r}) in every oracle",
    )


def exact_estimators_agree(posed: Posed) -> None:
    """Estimators that claim to be exact find the truth."""
    problem, truth = posed.problem, posed.truth
    tried = 0
    for estimator in posed.estimators():
        if not any(isinstance(claim, Exact) and claim.applies(problem, estimator) for claim in estimator.claims):
            continue
        try:
            problem.prepare()
            found = estimator.estimate(problem, generator(problem.device, 0)).detach().to("cpu", torch.float64)
        except Unsupported:
            continue
        tried += 1
        distance, allowed = float((found - truth).norm()), rounding_tolerance(problem)
        if not distance <= allowed:
            raise CheckFailedError(
                f"{type(estimator).__name__}, which claims to be exact, is off by {distance:.3g}",
                f"the truth, up to rounding ({allowed:.3g})",
                "one of the two is wrong: compare both with a case that can be done by hand",
            )
    if not tried:
        raise NotApplicable("no estimator of its task claims to be exact on it")


def holds_a_tensor(value: Any) -> bool:
    parts = value if isinstance(value, (list, tuple)) else (value,)
    return any(isinstance(part, Tensor) for part in parts)


CHECKS = (
    truth_is_exact_data,
    truth_repeats,
    same_truth_everywhere,
    data_are_lazy,
    magnitude_is_sane,
    axis_fits_the_truth,
    oracles_count,
    exact_estimators_agree,
)
