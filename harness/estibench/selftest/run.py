"""Runs the whole self-test and writes its table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from estibench.exports.table_files import export
from estibench.exports.tables import markdown_table, md
from estibench.host import Host
from estibench.measure.device import HOST
from estibench.results import Results
from estibench.results.files import write_whole
from estibench.results.run_directory import RUN_FILE, set_aside
from estibench.results.store import Record, Store
from estibench.runs.provenance import describe_run
from estibench.selftest import clock, repeat
from estibench.selftest.lines import Line
from estibench.suite import Plan


@dataclass(frozen=True)
class Size:
    """How often things are repeated: the suite with other seeds, and comparisons of equal calls."""

    repetitions: int
    comparisons: int


NAME = "harness_selftest"  # of its runs: `selftest` is the suite that they repeat
FULL = Size(500, 1000)
QUICK = Size(10, 100)


def run(
    host: Host,
    plan: Plan,
    directory: Path,
    size: Size,
    jobs: int,
    plugins: Iterable[str] = (),
    device: str | None = None,
    report: Callable[[Line], None] = lambda line: None,
    advance: Callable[[], None] = lambda: None,
) -> Results:
    """Every line of the self-test; each is in the store before it is reported.

    Args:
        plan: a suite whose estimators are all `Known`.
        directory: claimed for this run; an earlier one's lines are set aside.
        jobs: worker processes that repeat the suite. The clock is tested afterwards, alone on the machine.
        plugins: what the host was started with, for the workers.
        device: whose clock is tested, and nothing else: the statistics are the same everywhere. None tests all.
        report: called with each line.
        advance: called after each repetition.
    """
    about = describe_run(plan, host) | {"suite": NAME, "repetitions": size.repetitions, "comparisons": size.comparisons}
    write_whole(directory / RUN_FILE, json.dumps(about, indent=2) + "\n")
    set_aside(directory)
    store = Store(directory)
    lines = _lines(plan, size, jobs, plugins, advance) if device is None else _clock_lines(size, device)
    for line in lines:
        row = line.row
        store.append(Record(row["key"], "accuracy", row))
        report(line)
    results = Results.read(directory)
    export(results)
    _write_markdown(results)
    return results


def _lines(plan: Plan, size: Size, jobs: int, plugins: Iterable[str], advance: Callable[[], None]) -> Iterator[Line]:
    def counted() -> Iterator[list[repeat.Outcome]]:
        for outcomes in repeat.repeat(plan, size.repetitions, jobs, plugins):
            advance()
            yield outcomes

    yield from repeat.lines(counted())
    yield repeat.deterministic(plan)
    yield from _clock_lines(size, HOST)
    yield clock.overhead(plan)


def _clock_lines(size: Size, device: str) -> Iterator[Line]:
    yield from clock.equal_calls(size.comparisons, device)
    yield from clock.bare_loop(device)


def _write_markdown(results: Results) -> None:
    """`tables/selftest.md`: one line per finding."""
    folder = results.directory / "tables"
    folder.mkdir(exist_ok=True)
    body = [
        [md(str(row[name])) for name in ("verdict", "check", "subject", "number", "wanted", "over")]
        for row in results.rows
    ]
    header = ["verdict", "check", "of", "found", "goal", "over"]
    (folder / "selftest.md").write_text("\n".join(markdown_table(header, body)) + "\n", encoding="utf-8")
