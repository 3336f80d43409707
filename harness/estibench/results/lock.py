"""One run at a time in a directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from estibench.errors import UserError

FILE = "lock"
PATIENCE = 0.5  # seconds, because `is_locked` holds it for an instant


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Holds the directory; the system lets go of it however the process ends.

    Raises:
        UserError: another process holds it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(directory / FILE)
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        raise UserError(f"{directory}: another run is writing here; wait for it, or choose another directory") from None
    except OSError as error:
        raise UserError(f"{directory}: cannot make the run's lock: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


def is_locked(directory: Path) -> bool:
    """Whether a run is writing here now."""
    from filelock import FileLock, Timeout

    if not (directory / FILE).exists():
        return False
    try:
        with FileLock(directory / FILE, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a directory that may only be read
        return False
