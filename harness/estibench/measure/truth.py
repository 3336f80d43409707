"""The truth of a problem: asked for once, judged, and kept without its gradient."""

from __future__ import annotations

from functools import cached_property
from inspect import getattr_static
from typing import Any

import torch
from torch import Tensor


class BadProblemError(Exception):
    """A problem that cannot be measured against, whatever the estimator."""


def settle_truth(problem: Any) -> Tensor:
    """The problem's truth. From now on the problem answers with it at once, whoever asks.

    A truth that carries a gradient, as one through a network's parameters does, is detached: what is subtracted from
    draws must not drag a graph behind it.

    Raises:
        BadProblemError: it is not a float64 tensor on the CPU, or not finite.
    """
    truth = problem.truth
    if not isinstance(truth, Tensor):
        found = f"a {type(truth).__name__}"
    else:
        found = f"{truth.dtype} on {truth.device}".removeprefix("torch.")
    if found != "float64 on cpu":
        raise BadProblemError(f"the problem's truth must be a float64 tensor on the CPU, not {found}")
    truth = truth.detach()
    if not bool(torch.isfinite(truth).all()):
        bad = int((~torch.isfinite(truth)).sum())
        raise BadProblemError(f"the problem's truth is not finite in {bad} of {truth.numel()} components")
    _keep(problem, truth)
    return truth


def _keep(problem: Any, truth: Tensor) -> None:
    """Let the instance answer `truth`. Where the class computes it anew each time, in a class that does not."""
    cls: Any = type(problem)
    if isinstance(getattr_static(cls, "truth", None), cached_property):
        problem.__dict__["truth"] = truth
        return
    names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__, "truth": truth}
    object.__setattr__(problem, "__class__", type(cls)(cls.__name__, (cls,), names))
