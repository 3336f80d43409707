"""`bench run`: measure a suite and write everything about it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol

import click

from estibench import host as plugin_host
from estibench.cli.completion import suites
from estibench.cli.interrupts import interruptible
from estibench.cli.pairs import pairs
from estibench.cli.screen import screen

if TYPE_CHECKING:
    from rich.console import Console

    from estibench.results import Results
    from estibench.runs.book import News
    from estibench.suite import Plan
    from estibench.suite.plan import Block

FIRST = (
    "First run here: {cells} cells in {problems} blocks, each against its exact truth; draws first, then times. Ctrl-C "
    "at any time: the same command goes on. A shorter look: lower `draws` and `timing` in a copy of the suite."
)
PLAIN_WIDTH = 120  # columns of the summary where there is no terminal to ask


@click.command("run", short_help="Measure a suite; write tables, plots and a report.")
@click.argument("suite", shell_complete=suites)
@click.option("--device", metavar="auto|cpu|cuda[:N]|mps|xpu[:N]", help="Override the suite's devices.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Directory; default results/runs/<suite>.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Measure accuracy in N processes; default one per core. Timing is alone.",
)
@click.option("--engine", default="local", show_default=True, help="See `bench list engines`.")
@click.option(
    "-E", "option", multiple=True, metavar="NAME=VALUE", help="An option of the engine; see `bench show ENGINE`."
)
@click.option("--fresh", is_flag=True, help="Measure everything anew; set aside what is stored.")
@click.option("--retry", is_flag=True, help="Measure failed cells again.")
@click.option(
    "--fail-on",
    type=click.Choice(["undecided", "refuted", "failed", "never"]),
    default="failed",
    show_default=True,
    help="When to end with exit code 1: a claim that is undecided, or one that is refuted, or a cell that failed; each "
    "holds the next.",
)
@click.option("--watch", is_flag=True, help="Run again whenever a source, a plugin's file or the suite is saved.")
@click.option("-q", "--quiet", is_flag=True, help="Print the directory of the run, errors, and nothing else.")
def run_command(
    suite: str,
    device: str | None,
    output: Path | None,
    jobs: int | None,
    engine: str,
    option: tuple[str, ...],
    fresh: bool,
    retry: bool,
    fail_on: str,
    watch: bool,
    quiet: bool,
) -> None:
    """Measure SUITE, a YAML file or a known suite's name, and write tables, plots and a report.

    Cells that the directory already holds are not measured again: a run that was interrupted goes on, and a suite that
    has grown measures what is new. Exit code 0 when every cell was measured or is declared unsupported, 1 when one
    failed or a file could not be written, 2 for a user's mistake. With --fail-on refuted a refuted claim is a failure
    too, for a method's own CI.
    """
    known: list[Path] = [] if output is None else [output]
    if watch:
        _watch(suite, output)
    with interruptible(lambda: how_to_go_on(known, fresh)):
        code = _run(suite, device, known, jobs, engine, option, fresh, retry, quiet, fail_on)
    raise SystemExit(code)


def _watch(suite: str, output: Path | None) -> NoReturn:
    """Run this command line again and again; only an interrupt ends it."""
    from estibench.cli.watch import sources_of, watch
    from estibench.errors import UserError
    from estibench.runs import session as sessions
    from estibench.suite import read_suite
    from estibench.suite.lookup import find_suite

    options = [Path(option) for option in plugin_host.current().options if not option.startswith("no:")]
    path = find_suite(suite)

    def files() -> set[Path]:
        try:
            place = sessions.place_of(read_suite(path, plugin_host.current()), output)
        except UserError:  # the run says what is wrong with the suite; saving it runs again
            return {path, *options}
        return {path, *options, *sources_of(place)}

    with interruptible(lambda: "stopped watching; what was measured is kept"):
        watch([argument for argument in sys.argv[1:] if argument != "--watch"], files)
    raise AssertionError("a watch ends by an interrupt")


def _run(
    suite: str,
    device: str | None,
    known: list[Path],
    jobs: int | None,
    engine: str,
    option: tuple[str, ...],
    fresh: bool,
    retry: bool,
    quiet: bool,
    fail_on: str,
) -> int:
    """The run's exit code. `known` takes its directory, as soon as that is known."""
    from estibench.engines import nursery
    from estibench.suite.lookup import find_suite

    path = find_suite(suite)
    nursery.here()

    from rich.console import Console

    from estibench.runs import session as sessions
    from estibench.suite import read_suite

    host = plugin_host.current()
    plan = read_suite(path, host, device)
    options = pairs("-E", option) | ({} if jobs is None else {"jobs": jobs})
    chosen = sessions.make_engine(host, engine, options)
    directory = sessions.place_of(plan, known[0] if known else None)
    known[:] = [directory]
    first = not sessions.RUNS.exists()

    def warn(line: str) -> None:
        click.echo(f"warning: {line}", err=True)

    with sessions.opened(host, plan, directory, chosen, fresh, retry) as session:
        if not quiet:
            for line in session.notes():
                click.echo(line, err=True)
        screen_of_progress = Console(stderr=True)
        if first and screen_of_progress.is_terminal and not quiet:
            click.echo(FIRST.format(cells=plan.cells, problems=len(plan.blocks)), err=True)
        with _progress(plan, plan.cells - session.pending, screen_of_progress, quiet) as progress:
            for news in session.execute(warn, progress.watch):
                progress.advance(news)
        results, _, complaints = session.finish()
    for line in complaints:
        warn(line)
    if quiet:
        click.echo(str(directory))
    else:
        _print_results(results, screen(PLAIN_WIDTH))
    for row in results.rows:
        if row["status"] == "bad_problem":
            click.echo(f"{row['problem']}: {row['reason']}", err=True)
            break
    for line in broken_promises(results, fail_on):
        click.echo(f"--fail-on {fail_on}: {line}", err=True)
    return exit_code(results, fail_on) or int(bool(complaints))


def how_to_go_on(known: Sequence[Path], fresh: bool) -> str:
    """What somebody reads who has stopped a run, at whatever point."""
    where = f" in {known[0]}" if known else ""
    command = "the same command without --fresh" if fresh else "the same command"
    return f"stopped; what was measured is kept{where}: {command} goes on from there"


def exit_code(results: Results, fail_on: str) -> int:
    """2 for a problem without a truth, whatever is asked; 1 for what `--fail-on` names; else 0."""
    code = results.exit_code
    if code == 2:
        return code
    return int((code == 1 and fail_on != "never") or bool(broken_promises(results, fail_on)))


def broken_promises(results: Results, fail_on: str) -> list[str]:
    """How many claims got a verdict on which the run is to fail: a line for each such verdict."""
    from estibench.exports.findings import counts, findings

    found = counts(findings(results))
    verdicts = {"refuted": ("refuted",), "undecided": ("refuted", "undecided")}.get(fail_on, ())
    words = {"refuted": "refuted", "undecided": "left undecided"}
    return [
        f"{found[verdict]} claim{' was' if found[verdict] == 1 else 's were'} {words[verdict]}"
        for verdict in verdicts
        if found[verdict]
    ]


def _print_results(results: Results, console: Console) -> None:
    """The answer and where the rest is, on one screen."""
    from estibench.exports.answer import MOST_LINES, Line, answer_lines, fitted, print_answer, wrapped
    from estibench.results.find import shown_name

    where, run = results.directory, shown_name(results.directory)
    lines = answer_lines(results)
    tail = [
        f"Read {where / 'report.html'}",
        f"Evidence: bench summary {run}; all plots and tables: bench export {run}",
    ]
    rows = sum(len(wrapped(Line(text), console.width)) for text in tail)
    print_answer([*fitted(lines, console.width, MOST_LINES - rows), *map(Line, tail)], console)


class _Display(Protocol):
    def advance(self, news: News) -> None: ...

    def watch(self, block: Block, cell: int, step: str) -> None: ...


class _Silent:
    def advance(self, news: News) -> None:
        pass

    def watch(self, block: Block, cell: int, step: str) -> None:
        pass


@contextmanager
def _progress(plan: Plan, kept: int, console: Console, quiet: bool) -> Iterator[_Display]:
    """Blocks, cells and time left on a terminal; nothing elsewhere."""
    if quiet or not console.is_terminal:
        yield _Silent()
        return
    from estibench.cli.progress import CellProgress

    with CellProgress(plan, kept, console) as progress:
        yield progress
