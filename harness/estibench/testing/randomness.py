"""Checks that randomness comes from the given generator alone, and that nothing shared is touched."""

from __future__ import annotations

import dataclasses
import os
import random
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from estibench.contracts.claims import Deterministic, Exact, Variance
from estibench.contracts.generators import restored
from estibench.contracts.samples import SampleProblem
from estibench.measure.globals import untouched
from estibench.measure.readings import judged
from estibench.testing.case import Case
from estibench.testing.trial import CheckFailedError, NotApplicable

OTHER = 1  # number of another stream than the first


def same_seed_same_estimate(case: Case) -> None:
    """The same seed gives the same estimate bit for bit, whatever was estimated before, by another instance too."""
    before = case.first.detach()
    case.estimate(OTHER)
    after, again = case.estimate(), case.estimate()
    fresh = dataclasses.replace(case, estimator=dataclasses.replace(case.estimator), samples={})
    for found, when in (
        (after, "after another estimate"),
        (again, "a third time"),  # what alternates from call to call shows here
        (fresh.estimate(), "by another instance"),
    ):
        if not _equal(before, found):
            raise CheckFailedError(
                f"from the same seed, {when}, the estimate differs by {float((before - found).double().norm()):.3g}",
                "the same bits",
                "keep nothing from one call to the next, and draw all randomness from the generator",
            )


def uses_no_global_generator(case: Case) -> None:
    """The global generators of torch, numpy and Python have no effect on the estimate."""
    found = []
    with restored() as seed_globals:
        for seed in (1, 2):
            seed_globals(seed)
            found.append(case.estimate())
    if not _equal(*found):
        raise CheckFailedError(
            "with the same generator, the estimate changes with the global seeds",
            "no effect of them",
            "pass generator=generator to every torch.rand, randn, randint, randperm, bernoulli and multinomial; for "
            "numpy, seed np.random.default_rng from torch.randint(…, generator=generator)",
        )


def leaves_globals_alone(case: Case) -> None:
    """Global generators, torch's defaults, threads, warnings, environment and folder are as before."""
    _ = case.first
    before = _shared()
    with untouched():  # puts back what is stirred here: who seeds alike each time would find it as it left it
        torch.rand(1), np.random.random(), random.random()
        with untouched() as faults:
            case.estimate()
    after = _shared()
    changed = [name for name in before if before[name] != after[name]]
    torch.set_num_threads(before["torch's threads"])
    if "torch's deterministic algorithms" in changed:
        torch.use_deterministic_algorithms(before["torch's deterministic algorithms"])
    if faults or changed:
        found = "; ".join([*faults, *(f"changes {name}" for name in changed)])
        raise CheckFailedError(
            found, "what others share stays as it is", "use the generator that is given, and context managers"
        )


def leaves_the_problem_alone(case: Case) -> None:
    """The problem's tensors, and their gradients, are the same after an estimate."""
    _ = case.first
    problem = dataclasses.replace(case.problem)  # on which nobody has left anything
    problem.prepare()
    gradients = {path for path, tensor in _tensors(problem) if tensor.is_leaf and tensor.grad is not None}
    made = {path: tensor.detach().clone() for path, tensor in _tensors(problem)}
    case.call(case.stream(), problem)
    before = {path: tensor.detach().clone() for path, tensor in _tensors(problem)} | made
    case.call(case.stream(OTHER), problem)
    for path, tensor in _tensors(problem):
        if path in before and not _equal(before[path], tensor.detach()):
            raise CheckFailedError(
                f"the estimate changes the problem's {path}",
                "data that the next estimator finds as they were",
                "work on copies: `x = x + …` instead of `x += …`, and no functions that end in an underscore",
            )
        if tensor.is_leaf and tensor.grad is not None and path not in gradients:
            raise CheckFailedError(
                f"the estimate leaves a gradient in the problem's {path}",
                "no trace of it",
                "use torch.autograd.grad or torch.func instead of backward()",
            )


def keeps_the_generator(case: Case) -> None:
    """The generator is used and never seeded anew: the next draw must begin where this one ended."""
    _ = case.first
    stream = case.stream()
    seed, start = stream.initial_seed(), stream.get_state()
    case.call(stream)
    if stream.initial_seed() != seed or (bool((stream.get_state() == start).all()) and _varies(case)):
        raise CheckFailedError(
            "the estimate seeds the generator, or sets it back",
            "a generator that moves on",
            "draw from the generator as it comes; no manual_seed, set_state or seed()",
        )


def _varies(case: Case) -> bool:
    return not _equal(case.first.detach(), case.estimate(OTHER))


def _equal(one: Tensor, other: Tensor) -> bool:
    """Bit for bit, NaNs included."""
    return one.shape == other.shape and bool(((one == other) | (one.isnan() & other.isnan())).all())


def _shared() -> dict[str, Any]:
    return {
        "torch's threads": torch.get_num_threads(),
        "torch's default device": str(torch.get_default_device()),
        "torch's deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "the warning filters": list(warnings.filters),
        "the environment": dict(os.environ),
        "the working folder": os.getcwd(),
    }


def _tensors(thing: Any, path: str = "", depth: int = 4) -> Iterator[tuple[str, Tensor]]:
    """Every tensor that an object holds, with the way to it."""
    if isinstance(thing, Tensor):
        yield path, thing
    elif depth and isinstance(thing, Mapping):
        for key, value in thing.items():
            yield from _tensors(value, f"{path}[{key}]", depth - 1)
    elif depth and isinstance(thing, (list, tuple)):
        for index, value in enumerate(thing):
            yield from _tensors(value, f"{path}[{index}]", depth - 1)
    elif depth and hasattr(thing, "__dict__") and not isinstance(thing, type):
        for name, value in list(vars(thing).items()):
            yield from _tensors(value, f"{path}.{name}" if path else name, depth - 1)


def draws_vary(case: Case) -> None:
    """Different seeds give different estimates, unless the error is rounding or a claim says that nothing varies."""
    first = case.first.detach()
    if any(not _equal(first, case.estimate(number)) for number in range(1, 4)):
        return
    if isinstance(case.problem, SampleProblem):
        error = float(judged(case.problem, case.estimator, case.call(case.stream())))
    else:
        error = float((first.to("cpu", torch.float64) - case.problem.truth).norm())
    if error <= case.tolerance or _claims_no_variance(case):
        raise NotApplicable("nothing about it is random")
    raise CheckFailedError(
        f"four seeds give one estimate, which is off by {error:.3g}",
        "estimates that differ with the seed",
        "draw from the generator; a method without randomness claims Deterministic()",
    )


def _claims_no_variance(case: Case) -> bool:
    for claim in case.estimator.claims:
        if not claim.applies(case.problem, case.estimator):
            continue
        if isinstance(claim, (Exact, Deterministic)):
            return True
        if isinstance(claim, Variance):
            formula = claim.formula(case.problem, case.estimator)
            if formula is not None and float(torch.as_tensor(formula).sum()) <= case.tolerance**2:
                return True
    return False


CHECKS = (
    same_seed_same_estimate,
    uses_no_global_generator,
    leaves_globals_alone,
    leaves_the_problem_alone,
    keeps_the_generator,
    draws_vary,
)
