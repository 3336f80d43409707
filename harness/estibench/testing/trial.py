"""A trial is one check of one subject; its outcome says what was found, what was expected and what to do."""

from __future__ import annotations

import unittest
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from estibench.measure.device import HOST, pinned, products
from estibench.suite.devices import accelerator

Check = Callable[[Any], str | None]
Status = Literal["passed", "failed", "skipped", "expected failure", "unexpected pass"]
BAD = ("failed", "unexpected pass")


class CheckFailedError(AssertionError):
    """A subject that does not conform.

    Args:
        found: what it does.
        expected: what it should do.
        advice: how to get from the one to the other.
    """

    def __init__(self, found: str, expected: str, advice: str) -> None:
        super().__init__(f"found: {found}\nexpected: {expected}\nwhat to do: {advice}")
        self.found = found


class NotApplicable(unittest.SkipTest):
    """A check that says nothing about this subject; the message says why."""


@dataclass(frozen=True)
class Trial:
    """One check, ready to run.

    Attributes:
        subject: what is checked, in words: `hutchinson(probes=10) on matrix(dim=64)`.
        check: raises `CheckFailedError` or `NotApplicable`, or passes, with a note if it has one.
        material: what the check is given.
        expected: why it is known to fail; empty where it should pass.
    """

    subject: str
    check: Check
    material: Any
    expected: str = ""

    @property
    def name(self) -> str:
        """The check's name: what `expected_failures` quotes."""
        return self.check.__name__

    def __call__(self) -> str:
        """Run the check, on one thread and without tf32; a failure is an `AssertionError` with its explanation.

        Returns the check's note, or nothing.
        """
        with pinned(1), products(accelerator() or HOST, "float32"):
            return self.check(self.material) or ""

    def outcome(self) -> Outcome:
        """Run the check and say how it went."""
        try:
            note = self()
        except NotApplicable as reason:
            return Outcome(self.subject, self.name, "skipped", str(reason))
        except Exception as error:  # a plugin may fail in any way
            detail = str(error) if isinstance(error, CheckFailedError) else crash(error)
            if self.expected:
                return Outcome(self.subject, self.name, "expected failure", f"{self.expected}\n{detail}")
            return Outcome(self.subject, self.name, "failed", detail)
        if self.expected:
            detail = (
                f"found: it passes\nexpected: a failure, since {self.expected}\nwhat to do: take it out of the "
                "expected failures"
            )
            return Outcome(self.subject, self.name, "unexpected pass", detail)
        return Outcome(self.subject, self.name, "passed", note)


@dataclass(frozen=True)
class Outcome:
    """How a trial went. `detail` is empty for one that passed, or a note, such as by which path draws are made."""

    subject: str
    check: str
    status: Status
    detail: str

    @property
    def is_bad(self) -> bool:
        """Whether somebody has to do something about it."""
        return self.status in BAD


class ConformanceError(AssertionError):
    """Some checks failed; `outcomes` holds all of them."""

    def __init__(self, outcomes: Iterable[Outcome]) -> None:
        self.outcomes = list(outcomes)
        bad = [outcome for outcome in self.outcomes if outcome.is_bad]
        texts = [f"{one.subject}: {one.check}: {one.status}\n{indented(one.detail)}" for one in bad]
        super().__init__("\n".join([f"{len(bad)} of {len(self.outcomes)} checks failed", *texts]))


def crash(error: BaseException) -> str:
    """What a check says of code that raised where it should not."""
    text = str(error).strip().splitlines()
    what = f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
    return f"found: {what}\nexpected: no exception\nwhat to do: run it by itself to see the traceback, and mend it"


def indented(text: str) -> str:
    """`text` with every line moved in."""
    return "\n".join(f"    {line}" for line in text.splitlines())


def reason_for(expected: Mapping[str, str], check: str, *places: str) -> str:
    """The reason for which a check is expected to fail: under its name, or under `name[place]` for one place."""
    for key in (*(f"{check}[{place}]" for place in places), check):
        if key in expected:
            return expected[key]
    return ""
