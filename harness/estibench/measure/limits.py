"""What one who waits allows: when measuring ends, and how much memory one call may take.

The first call of each estimator is watched: it ends after the operator with which it has taken more time or memory than
it may. From then on its cost is known, and what there is no time for is not begun.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

MORE_CALLS = 3  # after the first: one that counts work, and no less than two draws


class NotWithinLimitsError(Exception):
    """What was left out because it does not fit into the limits.

    Attributes:
        status: of its row.
    """

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def _now() -> float:
    return time.perf_counter()


@dataclass(frozen=True)
class Limits:
    """Attributes:
    until: when measuring ends, by `clock`.
    memory: bytes that one call may have alive at once; None for no limit.
    share: of the time that is left, what may be spent on the draws of one cell.
    first: of the time that is left, what a first call may take.
    clock: seconds.
    """

    until: float = math.inf
    memory: int | None = None
    share: float = 1.0
    first: float = 1.0
    clock: Callable[[], float] = _now

    def left(self) -> float:
        """Seconds."""
        return self.until - self.clock()

    @property
    def limited(self) -> bool:
        """Whether there are any."""
        return self.memory is not None or math.isfinite(self.until)

    def for_first_call(self) -> Limits:
        """Those of a first call that begins now. Raises `NotWithinLimitsError` where the time is over."""
        left = self.left()
        if left <= 0:
            raise NotWithinLimitsError("timeout", "not tried: the time was over")
        return replace(self, until=self.clock() + self.first * left)

    def watched(self, began: float, live: int) -> None:
        """Raises `NotWithinLimitsError` in a call that began then, has so many bytes alive and may not go on."""
        self.fits(live)
        if self.left() < 0:
            raise NotWithinLimitsError(
                "timeout", f"one call takes more than {self.clock() - began:.2g} s: not within the time"
            )

    def afford(self, seconds: float, once_more: Callable[[], float]) -> None:
        """Raises `NotWithinLimitsError` where a call cannot be made as often as it must.

        Args:
            seconds: of the first call, which may have paid for imports and caches.
            once_more: makes another and returns its seconds; asked where these are too many and there is time for it.
        """
        if MORE_CALLS * seconds > self.left() >= seconds:
            seconds = min(seconds, once_more())
        if MORE_CALLS * seconds > self.left():
            left = max(self.left(), 0.0)
            raise NotWithinLimitsError(
                "timeout", f"one call takes {seconds:.2g} s: not within the time, of which {left:.2g} s were left"
            )

    def fits(self, peak: int) -> None:
        """Raises `NotWithinLimitsError` for a call that takes more memory."""
        if self.memory is not None and peak > self.memory:
            raise NotWithinLimitsError(
                "out_of_memory", f"one call takes more than the {amount_of(self.memory)} that it may"
            )


def amount_of(size: int) -> str:
    """`2 GB`, `3.5 MB`."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} bytes"
