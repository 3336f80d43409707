"""How a task takes what a user has: a network, a function, a matrix, instead of a registered problem."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from estibench.contracts.problem import Problem


@dataclass(frozen=True)
class Own:
    """What turns a user's objects into a problem of a task.

    Attributes:
        make: a function of keyword arguments, which its signature and docstring explain, that returns the problem in
            the objects' own dtype and on their own device. It leaves the objects as they are, checks what can be
            checked cheaply, and raises `UserError` with one clear line for what cannot be measured.
        ladder: the estimators to try on such a problem, as a suite writes them, the exact method first if there is one.
        exact: how the exact method is called in words: "the exact trace".
        unit: what the task's unit of work is: "a matvec is a product with the Jacobian".
        within: the problem with a truth that takes at most so many floating-point operations and so many bytes: the
            problem itself where its exact truth does, else one with a reference that declares its standard error. It
            counts and never looks at a clock, so that the same call asks for the same truth. None where there is only
            the exact one.
        caution: what a user should know of a problem that can be measured all the same, in a sentence; else nothing.
    """

    make: Callable[..., Problem]
    ladder: Callable[[Any], Sequence[str | Mapping[str, Any]]]
    exact: str = "the exact method"
    unit: str = ""
    within: Callable[[Any, float, float], Problem] | None = None
    caution: Callable[[Any], str] | None = None
