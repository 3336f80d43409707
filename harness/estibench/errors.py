"""Errors that speak to the user: one clear line, exit code 2, never a traceback."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class UserError(Exception):
    """A mistake that the user can mend. The command line prints each of its lines and exits with 2."""

    exit_code = 2

    def _render_traceback_(self) -> list[str]:
        """What IPython and notebooks show."""
        return [f"{type(self).__name__}: {self}"]


def plainly(function: Callable[P, R]) -> Callable[P, R]:
    """The function, whose `UserError`s come without the frames and causes inside: they say themselves what is wrong."""

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True  # pytest then shows the caller's line
        try:
            return function(*args, **kwargs)
        except UserError as error:
            raise error.with_traceback(None) from None

    return called


class Unsupported(Exception):  # noqa: N818 - an outcome, not an error
    """An estimator does not apply to a problem; the message says why and becomes the row's reason.

    Raise it from `Estimator.estimate` (or `draws`): the cell becomes an `unsupported` row, not a failure.
    """


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """`"; did you mean 'probes'?"` when a known name is close to `found`, else the known names, else nothing."""
    import difflib

    names = sorted(known)
    close = difflib.get_close_matches(found, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}" if names else ""


def first_line(error: BaseException) -> str:
    """What an error says, in one line; nothing where it says nothing."""
    return (str(error).strip().splitlines() or [""])[0]
