"""One line of the self-test: a number, what it should be, and whether it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from estibench.measure.intervals import Interval, clustered_proportion_interval, proportion_interval
from estibench.suite.plan import digest

SHOWN, JUDGED = 0.95, 0.999
UNJUDGED = (float("-inf"), float("inf"))


@dataclass(frozen=True)
class Line:
    """A finding about the harness.

    Attributes:
        check: the kind of finding: coverage, false refutation, power, timing, …
        subject: what it is about.
        found: the measured number with its 95 % interval.
        goal: the range in which it should lie; `UNJUDGED` for a number that is only shown.
        over: what it was measured over, in words.
        judged: a wider interval to judge by, where there is one: of a hundred 95 % intervals some miss by chance.
        unit: `"%"` for proportions (stored as fractions), or what the number counts.
    """

    check: str
    subject: str
    found: Interval
    goal: tuple[float, float]
    over: str
    unit: str = "%"
    judged: Interval | None = None

    @property
    def verdict(self) -> str:
        """pass, fail or shown. A line fails when the interval to judge by lies outside the goal as a whole."""
        low, high = self.goal
        if self.goal == UNJUDGED:
            return "shown"
        interval = self.judged or self.found
        return "pass" if interval.low <= high and interval.high >= low else "fail"

    @property
    def row(self) -> dict[str, Any]:
        """The line as a row of a results table."""
        failed = self.verdict == "fail"
        return {
            "key": digest([self.check, self.subject]),
            "suite": "selftest",
            "status": "failed" if failed else "ok",
            "reason": f"{self.check} of {self.subject}: {self.number}, goal {self.wanted}" if failed else "",
            "check": self.check,
            "subject": self.subject,
            "verdict": self.verdict,
            "value": self.found.value,
            "value_low": self.found.low,
            "value_high": self.found.high,
            "goal_low": self.goal[0],
            "goal_high": self.goal[1],
            "unit": self.unit,
            "number": self.number,
            "wanted": self.wanted,
            "over": self.over,
        }

    @property
    def number(self) -> str:
        """The measured number in words: `94.8 [93.9, 95.6] %`."""
        value, low, high = (self._shown(number) for number in (self.found.value, self.found.low, self.found.high))
        interval = f" [{low}, {high}]" if (low, high) != (value, value) else ""
        return f"{value}{interval} {self.unit}".strip()

    @property
    def wanted(self) -> str:
        """The goal in words."""
        low, high = self.goal
        if self.goal == UNJUDGED:
            return "–"
        if low == float("-inf"):
            return f"≤ {self._shown(high)} {self.unit}".strip()
        if self.unit == "%" and low < high == 1:
            return f"≥ {self._shown(low)} %"
        bounds = f"{self._shown(low)}–{self._shown(high)}" if low < high else self._shown(low)
        return f"{bounds} {self.unit}".strip()

    def _shown(self, number: float) -> str:
        return f"{100 * number:.1f}".removesuffix(".0") if self.unit == "%" else f"{number:.3g}"


def share(check: str, subject: str, hits: int, trials: int, goal: tuple[float, float], over: str) -> Line:
    """A line about a proportion of independent trials."""
    shown, judged = (proportion_interval(hits / trials, trials, level) for level in (SHOWN, JUDGED))
    return Line(check, subject, shown, goal, over, judged=judged)


def mean_share(check: str, subject: str, fractions: Any, cells: int, goal: tuple[float, float], over: str) -> Line:
    """A line about a proportion over repetitions of several cells, which share their seeds.

    Args:
        fractions: the proportion within each repetition, (repetitions,).
        cells: most trials in a repetition.
    """
    shown, judged = (clustered_proportion_interval(fractions, cells, level) for level in (SHOWN, JUDGED))
    return Line(check, subject, shown, goal, over, judged=judged)
