"""A notice board in shared memory: a worker writes what it does and since when, its supervisor looks.

Writing costs a microsecond and wakes nobody, so it may stand between timed epochs.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
import time
from dataclasses import dataclass

_FORMAT = struct.Struct("<qqd32s")  # a sequence number, a cell, since when, the step
_SEQUENCE = struct.Struct("<q")
SIZE = _FORMAT.size


@dataclass(frozen=True)
class Notice:
    """What a worker does.

    Attributes:
        cell: index in the block.
        since: `time.monotonic()` when the step began.
    """

    cell: int
    since: float
    step: str


class Board:
    """One worker's board, on a file that both processes map."""

    def __init__(self, fd: int) -> None:
        self._memory = mmap.mmap(fd, SIZE)

    def post(self, cell: int, step: str) -> None:
        """Say what begins. The sequence number is odd while the rest is being written."""
        odd = _SEQUENCE.unpack_from(self._memory, 0)[0] + 1
        _SEQUENCE.pack_into(self._memory, 0, odd)
        _FORMAT.pack_into(self._memory, 0, odd, cell, time.monotonic(), step.encode()[:32])
        _SEQUENCE.pack_into(self._memory, 0, odd + 1)

    def look(self) -> Notice | None:
        """The last notice; None when it is just being written, or there is none."""
        sequence, cell, since, step = _FORMAT.unpack_from(self._memory, 0)
        if sequence == 0 or sequence % 2 or _SEQUENCE.unpack_from(self._memory, 0)[0] != sequence:
            return None
        return Notice(cell, since, step.rstrip(b"\0").decode())

    def close(self) -> None:
        """Unmap it."""
        self._memory.close()


def new_file() -> int:
    """The descriptor of a nameless file for a board."""
    with tempfile.TemporaryFile() as file:
        file.truncate(SIZE)
        return os.dup(file.fileno())
