"""`bench run --watch`: run again whenever a source that the run depends on is saved."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import click

POLL = 0.5  # seconds between two looks at the files
Stamps = dict[Path, tuple[int, int]]


def watch(
    arguments: Sequence[str], files: Callable[[], Iterable[Path]], look: Callable[[], None] | None = None
) -> None:
    """Run `bench` with the arguments, and again after every change of the files, until it is interrupted.

    Each run is a process of its own, so that what was saved is imported anew; which cells it measures is decided by
    their keys, as always.

    Args:
        arguments: of the command line, without `--watch`.
        files: what to watch, asked for after every run: by then the run has said what its cells are made of.
        look: waits until the next look at the files; raising ends the watch.
    """
    look = look or (lambda: time.sleep(POLL))
    while True:
        before = stamps(files())
        subprocess.run([sys.executable, "-m", "estibench", *arguments], check=False)
        watched = list(files())
        before = stamps(watched) | {path: stamp for path, stamp in before.items() if path in watched}
        click.echo(f"watching {len(watched)} files; save one to run again, Ctrl-C to stop", err=True)
        changed = _next_change(watched, before, look)
        click.echo(f"{', '.join(sorted(path.name for path in changed))} changed", err=True)


def _next_change(files: Sequence[Path], before: Stamps, look: Callable[[], None]) -> set[Path]:
    """The files that have changed, once nobody writes to them any more: two looks see the same."""
    last = stamps(files)
    while True:
        changed = {path for path in files if last.get(path) != before.get(path)}
        look()
        now = stamps(files)
        if changed and now == last:
            return changed
        last = now


def stamps(files: Iterable[Path]) -> Stamps:
    """When each file was last written, in nanoseconds, and its size; files that are not there are left out."""
    found = {}
    for path in files:
        try:
            status = path.stat()
        except OSError:  # an editor replaces it at this very instant
            continue
        found[path] = (status.st_mtime_ns, status.st_size)
    return found


def sources_of(directory: Path) -> set[Path]:
    """The source files that the cells of a run are made of, as its table of ingredients names them."""
    from estibench.keys.changes import FILE_PLUGIN
    from estibench.results.ingredients import read_table

    table = read_table(directory)
    names = {name.removeprefix("source ") for one in table.sets.values() for name in one if name.startswith("source ")}
    found = {Path(place) for place in table.places.values()}
    for name in names:
        top = Path(name).parts[0]
        if not top.startswith(FILE_PLUGIN):
            found |= {path for folder in _folders(top) if (path := folder / name).is_file()}
    return found


def _folders(top: str) -> list[Path]:
    """Where a top-level package or module lies."""
    try:
        spec = importlib.util.find_spec(top.removesuffix(".py"))
    except (ImportError, ValueError):
        return []
    if spec is None or spec.origin is None:
        return []
    origin = Path(spec.origin)
    return [origin.parent.parent if spec.submodule_search_locations else origin.parent]
