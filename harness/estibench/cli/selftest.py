"""`bench selftest`: is the harness right about itself?"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from estibench import host as plugin_host

if TYPE_CHECKING:
    from estibench.selftest.lines import Line

SUITE = "selftest"


@click.command("selftest", short_help="Check the harness against estimators that are known.")
@click.option("--quick", is_flag=True, help="Within a minute, with fewer repetitions.")
@click.option("--repetitions", type=click.IntRange(min=2), metavar="N", help="Repeat the suite N times; default 500.")
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Worker processes; default one per core.")
@click.option("--device", metavar="cpu|cuda|…", help="Test the clock on this device, and nothing else.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Directory of the run; default results/runs/….")
@click.pass_context
def selftest_command(
    context: click.Context,
    quick: bool,
    repetitions: int | None,
    jobs: int | None,
    device: str | None,
    output: Path | None,
) -> None:
    """Measure the harness: repeat a suite of synthetic estimators about which everything is known.

    Do 95 % intervals cover in 93 to 97 % of the repetitions? Are true claims left standing and false ones refuted? Do
    equal calls look equal, do times agree with a bare loop, what does a draw cost? Prints pass or fail per line and
    writes a table. Exit code 1 when a line fails.
    """
    from estibench.errors import UserError
    from estibench.measure.device import HOST, why_missing
    from estibench.runs import session
    from estibench.selftest.run import FULL, NAME, QUICK, Size, run
    from estibench.suite import read_suite
    from estibench.suite.lookup import find_suite

    if missing := why_missing(device or HOST):
        raise UserError(f"--device {missing}")
    host = plugin_host.current()
    plan = read_suite(find_suite(SUITE), host)
    size = QUICK if quick else FULL
    size = Size(repetitions or size.repetitions, size.comparisons)
    directory = session.claim_directory(output or session.RUNS / NAME, NAME)
    plugins = context.parent.params.get("plugin", ()) if context.parent else ()
    with _progress(size.repetitions) as advance:
        results = run(host, plan, directory, size, jobs or os.cpu_count() or 1, plugins, device, _print, advance)
    failed = sum(row["status"] == "failed" for row in results.rows)
    click.echo(f"\n{len(results.rows)} lines, {failed} failed; the table is in {directory}")
    raise SystemExit(results.exit_code)


def _print(line: Line) -> None:
    colour = {"pass": "green", "fail": "red"}.get(line.verdict)
    verdict = click.style(line.verdict.ljust(5), fg=colour)
    click.echo(f"{verdict}  {line.check}: {line.subject}: {line.number}, goal {line.wanted}  ({line.over})")


@contextmanager
def _progress(repetitions: int) -> Iterator[Callable[[], None]]:
    """A bar over the repetitions on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    with click.progressbar(length=repetitions, label="repetitions", file=sys.stderr) as bar:
        yield lambda: bar.update(1)
