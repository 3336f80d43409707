"""Runs a suite: plan, book, engine, exporters. What `bench run` and `estibench.run` share."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from estibench import host as plugin_host
from estibench.engines import Context, Engine
from estibench.errors import UserError, did_you_mean
from estibench.exports.write import of_every_run, write
from estibench.host import Host
from estibench.host.components import ParameterError, check_value, parameters_of
from estibench.results.ingredients import FILE as INGREDIENTS_FILE
from estibench.results.lock import locked
from estibench.results.plan_file import FILE as PLAN_FILE
from estibench.results.plan_file import plan_text
from estibench.results.run_directory import RUN_FILE, Results, read_about, set_aside
from estibench.results.store import Store
from estibench.runs.book import Book, News
from estibench.runs.provenance import describe_run
from estibench.suite import Plan, Work, read_suite
from estibench.suite.lookup import find_suite
from estibench.suite.plan import Block

RUNS = Path("results/runs")
LOGS = "logs"
ENGINE = "local"
MOST_REASONS = 5  # for which cells are measured again, in the notes before a run


def run(
    suite: str | Path,
    *,
    device: str | None = None,
    directory: str | Path | None = None,
    engine: str = ENGINE,
    options: Mapping[str, Any] | None = None,
    fresh: bool = False,
    retry: bool = False,
) -> Results:
    """Run a suite and return its results. What its directory already holds is not measured again.

    Args:
        suite: a suite file, or the name of a known suite: `"trace"`.
        device: overrides the suite's devices: `"auto"`, `"cpu"`, or an accelerator as torch names it.
        directory: where the run is kept; default `results/runs/<name of the suite>`.
        engine: registered name of the engine.
        options: of the engine: `{"jobs": 4}`.
        fresh: measure everything anew; what was stored is set aside.
        retry: measure failed cells again.

    Raises:
        UserError: the suite cannot be read or is not valid; another run is writing into the directory.

    Example:
        >>> import estibench
        >>> results = estibench.run("trace")  # doctest: +SKIP
        >>> results.frame.pivot(index="problem", columns="estimator", values="relative_rmse")  # doctest: +SKIP
    """
    host = plugin_host.current()
    plan = read_suite(find_suite(str(suite)), host, device)
    with opened(
        host, plan, place_of(plan, directory), make_engine(host, engine, options or {}), fresh, retry
    ) as session:
        for _ in session.execute(warnings.warn):
            pass
        results, _, complaints = session.finish()
        for line in complaints:
            warnings.warn(line, stacklevel=2)
        return results


def place_of(plan: Plan, directory: str | Path | None) -> Path:
    """The directory of a run: the given one, or the suite's own."""
    return RUNS / plan.name if directory is None else Path(directory)


def make_engine(host: Host, name: str, options: Mapping[str, Any]) -> Engine:
    """An engine with its options. Raises `UserError` for one that it does not have, or a value that does not fit."""
    cls = host.engines.get(name).load()
    known = parameters_of(cls)
    checked = {}
    for option, value in options.items():
        if option not in known:
            hint = did_you_mean(option, known) if known else "; it has none"
            raise UserError(f"engine {name!r}: unknown option {option!r}{hint}")
        try:
            checked[option] = check_value(host, known[option], value)
        except ParameterError as error:
            raise UserError(f"engine {name!r}: {option}: {error.message}") from error
    made = cls(**checked)
    assert isinstance(made, Engine)
    return made


@contextmanager
def opened(
    host: Host, plan: Plan, directory: Path, engine: Engine, fresh: bool = False, retry: bool = False
) -> Iterator[Session]:
    """A session in a directory that no other run may write to meanwhile.

    Raises:
        UserError: the directory is in use, holds a run of another suite, or cannot be written to.
    """
    claim_directory(directory, plan.name)
    with locked(directory):
        old = set_aside(directory) if fresh else None
        kinds = engine.kinds(sorted({block.device for block in plan.blocks}))
        book = Book(host, plan, directory, retry, kinds)
        history = _history(directory)
        about = describe_run(plan, host) | {"history": history}
        book.guard.write(RUN_FILE, json.dumps(about, indent=2) + "\n")
        book.guard.write(INGREDIENTS_FILE, book.table.text())
        book.guard.write(PLAN_FILE, plan_text(book.planned))
        yield Session(host, plan, directory, engine, book, tuple(book.works()), old, kinds or {})


def claim_directory(path: Path, suite: str) -> Path:
    """Make a run directory, or find one of the same suite. Raises `UserError` for any other."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{str(path)[:200]}: cannot make the run's directory: {error.strerror}") from error
    if (path / RUN_FILE).exists():
        other = read_about(path).get("suite")
        if other != suite:
            raise UserError(f"{path}: already holds a run of the suite {other!r}; choose another directory")
    return path


def _history(directory: Path) -> list[dict[str, Any]]:
    """When and where the earlier runs in this directory were started, and from what commit."""
    if not (directory / RUN_FILE).exists():
        return []
    about = read_about(directory)
    earlier = {name: about.get(name) for name in ("started", "commit", "host")}
    return [*about.get("history", []), earlier]


@dataclass(frozen=True)
class Session:
    """One execution of a plan.

    Attributes:
        works: what is left to do.
        old: the folder in which what was measured before is set aside, for a fresh start.
        kinds: of the engine's processors, by device, where they are not those of this machine.
    """

    host: Host
    plan: Plan
    directory: Path
    engine: Engine
    book: Book
    works: tuple[Work, ...]
    old: Path | None
    kinds: Mapping[str, str]

    @property
    def pending(self) -> int:
        """Cells of which something is left to measure, their times included."""
        return sum(len(work.missing) + len(work.known) * work.may_time for work in self.works)

    def notes(self) -> list[str]:
        """What a user should know before it begins: what is kept, what is measured again and why."""
        kept, cells = self.book.kept, self.plan.cells
        lines = []
        if self.old is not None:
            lines.append(f"what was measured before is set aside in {self.old}")
        if self.book.damaged:
            where = ", ".join(map(str, self.book.damaged[:5])) + (", …" if len(self.book.damaged) > 5 else "")
            what = f"{len(self.book.damaged)} damaged record(s), line {where}"
            lines.append(f"{Store(self.directory).path}: {what}, are ignored; what they held is measured again")
        if kept:
            left = cells - kept
            verb = "left to measure" if left else "left to measure (--fresh measures all anew)"
            lines.append(f"{self.directory}: {kept} of {cells} cells are kept, {left} {verb}")
        if self.book.interrupted:
            lines.append(f"{self.book.interrupted} cell(s) go on within a training that was interrupted")
        reasons = self.book.reasons().most_common()
        lines += [f"{number} cell(s) are measured again: {reason}" for reason, number in reasons[:MOST_REASONS]]
        if len(reasons) > MOST_REASONS:
            lines.append(f"… and more, for other reasons: bench status {self.directory}")
        untimed = sum(not work.missing for work in self.works)
        if untimed:
            lines.append(f"{untimed} block(s) are left to time")
        again = self.book.timed_before(self.works)
        if again:
            lines.append(
                f"{again} cells are timed again with their blocks: times compare only within one interleaved run"
            )
        return lines

    def execute(
        self,
        warn: Callable[[str], None] = lambda line: None,
        watch: Callable[[Block, int, str], None] = lambda block, cell, step: None,
    ) -> Iterator[News]:
        """Measure what is left. Each row is on the disk before it is yielded.

        Args:
            warn: told what a user should know, one line at a time.
            watch: told what is being done: a block, one of its cells and the step, where the engine knows.
        """
        for line in self.host.run_started(self.plan.name, self.directory, self.plan.cells):
            warn(line)
        context = Context(self.directory / LOGS, self.host.options, watch, self.kinds)
        if not self.works:
            return
        for found in self.engine.run(self.works, self.plan.settings, context):
            for news in self.book.take(found):
                if news.final:
                    for line in self.host.cell_measured(news.row):
                        warn(line)
                for line in self.book.guard.take_news():
                    warn(line)
                yield news

    def finish(self) -> tuple[Results, list[Path], list[str]]:
        """Run the exporters over what the store holds: the results, the files written and what went wrong."""
        self.book.restore()
        self.book.close()
        results = Results.read(self.directory)
        complaints = self.book.guard.take_news()
        if self.book.left:
            complaints.append(
                f"the engine has left {self.book.left} cells unmeasured; the same command goes on from here"
            )
        files, failures = write(of_every_run(self.host, self.directory), results)
        complaints += failures
        complaints += self.host.run_finished(results)
        return results, files, complaints
