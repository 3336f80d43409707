"""Where commands print tables: a terminal as wide as it is, or lines of a fixed width into a pipe or a file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def screen(plain_width: int) -> Console:
    """The standard output.

    Args:
        plain_width: columns where there is no terminal to ask.
    """
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=plain_width)
