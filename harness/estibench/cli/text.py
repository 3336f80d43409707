"""Plain text for the terminal, without rich: it must start fast and survive a pipe."""

from __future__ import annotations

from collections.abc import Sequence

import click


def print_table(title: str, rows: Sequence[Sequence[str]]) -> None:
    """Rows under a title, columns aligned; empty columns are left out."""
    click.secho(title, bold=True)
    if not rows:
        click.echo("  (none)")
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [text.ljust(width) for text, width in zip(row, widths, strict=True) if width]
        click.echo(f"  {'  '.join(cells)}".rstrip())
