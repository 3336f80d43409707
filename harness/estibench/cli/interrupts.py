"""Ctrl-C: one clear line and exit code 130, whatever the program was doing, importing modules included."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


@contextmanager
def interruptible(line: Callable[[], str] = lambda: "stopped") -> Iterator[None]:
    """Turns a `KeyboardInterrupt` into a line on stderr and the end of the process."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"\n{line()}", err=True)
        raise SystemExit(INTERRUPTED) from None
