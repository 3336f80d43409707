"""One run at a time in a directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from estibench.errors import UserError

FILE = "lock"


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Holds the directory; the system lets go of it however the process ends.

    Raises:
        UserError: another process holds it.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(directory / FILE)
    try:
        lock.acquire(timeout=0)
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
    if not (directory / FILE).exists():
        return False
    try:
        with locked(directory):
            return False
    except UserError:
        return True
