"""A library that may not be installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from estibench import Unsupported


@contextmanager
def library(*distributions: str) -> Iterator[None]:
    """Around the import of a library inside an estimate: without it the row is unsupported, not failed.

    The import stands in the `with` block as a statement, so that the cells' keys follow it: another version of the
    library measures again what uses it, and nothing else.

    Args:
        distributions: what pip installs: the library, and what it imports that estibench does not need. All of them
            have their exact versions in `constraints-peers.txt`.

    Raises:
        Unsupported: a module is missing. The reason is the command that installs it. Any other error of the import is
            the library's own, and passes.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        command = f"pip install --no-deps {' '.join(distributions)}"
        raise Unsupported(f"no module {error.name}: {command} (or `make peers`, with the versions measured)") from error
