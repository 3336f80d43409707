"""The book of a run: what is known of its cells, what is left to do, and how what comes in is kept.

Bookkeeping never measures. A cell is left to do when nothing is stored under its key, or under other settings; a block
is left to time when its times are not of one interleaved run.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from estibench.host import Host
from estibench.keys import Keys
from estibench.keys.changes import words_of
from estibench.measure.kept import read_kept, unpack
from estibench.measure.pairing import Errors, pair_with_baseline
from estibench.results.draws import DrawsFolder
from estibench.results.files import write_whole
from estibench.results.former import Former
from estibench.results.frame import identity
from estibench.results.guard import Guard
from estibench.results.ingredients import Table
from estibench.results.plan_file import PlannedCell
from estibench.results.run_directory import Known
from estibench.results.store import Record, Store, latest
from estibench.suite.plan import Block, Cell, Measurement, Plan, Work, digest

TRACEBACKS = "tracebacks"
SETTLED = ("ok", "unsupported", "not_finite")  # what is not worth a second try


@dataclass(frozen=True)
class News:
    """A cell of which something has become known.

    Attributes:
        final: whether nothing more is to come.
    """

    cell: Cell
    row: dict[str, Any]
    final: bool


@dataclass(eq=False)
class _Page:
    """What is known of a block.

    Attributes:
        keys: of its cells.
        planned: the same cells as the plan's file has them.
        missing: cells whose accuracy is left to do.
        fresh: cells that this run has measured and that may still wait for their times.
        times: that have come, until all have: a block's times are stored together.
    """

    block: Block
    keys: tuple[str, ...]
    planned: list[PlannedCell] = field(default_factory=list)
    missing: set[int] = field(default_factory=set)
    fresh: list[int] = field(default_factory=list)
    times: dict[int, Measurement] = field(default_factory=dict)

    @property
    def baseline_key(self) -> str:
        """The key of the cell that times are compared with, whether or not it could be measured."""
        return "" if self.block.baseline is None else self.keys[self.block.baseline]


class Book:
    """Keeps a run's directory. The directory is locked, and this is its only writer.

    Args:
        retry: measure failed cells again.
        kinds: of the processors that measure, by device; those of this machine by default.
    """

    def __init__(
        self, host: Host, plan: Plan, directory: Path, retry: bool = False, kinds: Mapping[str, str] | None = None
    ) -> None:
        self._host = host
        self._plan = plan
        self._directory = directory
        self._retry = retry
        self._store = Store(directory)
        self._draws = DrawsFolder(directory)
        settings = plan.settings
        self._accuracy = digest([settings.precision, settings.confidence, settings.min_draws, settings.max_draws])
        self._timing = digest([settings.rounds, settings.cache, settings.confidence])
        records, self.damaged = self._store.read()
        self._records = latest(records)
        self._keys = Keys(host, settings, kinds)
        self.guard = Guard(directory)
        self._pages = {block.key: _Page(block, tuple(map(self._keys.of, block.cells))) for block in plan.blocks}
        former = Former(directory, self._records)
        for page in self._pages.values():
            self._find_missing(page)
            page.planned = self._planned(page, former)
        self.kept = plan.cells - self.left
        sets = {**former.sets(self.planned), **self._keys.table}
        self.table = Table(sets, self._keys.places, measures_here=kinds is None)

    @property
    def planned(self) -> list[PlannedCell]:
        """Every cell of the plan, in its order."""
        return [cell for page in self._pages.values() for cell in page.planned]

    @property
    def left(self) -> int:
        """Cells whose accuracy is not known."""
        return sum(len(page.missing) for page in self._pages.values())

    @property
    def interrupted(self) -> int:
        """Cells of which a training was interrupted, that goes on."""
        cells = ((page, cell) for page in self._pages.values() for cell in page.missing)
        return sum(self._draws.unfinished(page.keys[cell]).exists() for page, cell in cells)

    def works(self) -> list[Work]:
        """What is left to do, block by block; the ratios of the others are brought up to date."""
        found = []
        for page in self._pages.values():
            known, timed = self._able(page), self._timed(page)
            if not page.missing:
                self._pair(page)
            if page.missing or set(known) - set(timed):
                kept = {cell: path for cell in page.missing if (path := self._path(page.keys[cell])) is not None}
                training = {cell: self._draws.unfinished(page.keys[cell]) for cell in page.missing}
                found.append(Work(page.block, tuple(sorted(page.missing)), tuple(known), timed, kept, training))
        return found

    def reasons(self) -> Counter[str]:
        """Why cells are measured again that were measured before: in words, each with the number of cells."""
        found = Counter[tuple[tuple[str, ...], tuple[str, ...]]](
            (cell.before, cell.made_of) for cell in self.planned if cell.before
        )
        counts = Counter[str]()
        for (before, now), cells in found.items():
            counts[words_of(self.table.of(before), self.table.of(now))] += cells
        return counts

    def timed_before(self, works: Sequence[Work]) -> int:
        """Cells that have been timed and must be timed again, because times compare only within one run."""
        pages = [self._pages[work.block.key] for work in works if work.may_time]
        return sum((key, "time") in self._records for page in pages for key in page.keys)

    def take(self, found: Measurement) -> Iterator[News]:
        """Keep what an engine found out; it is on the disk before this yields."""
        page = self._pages[found.block.key]
        if found.part == "accuracy":
            self._keep_accuracy(page, found)
            failed = found.row["status"] != "ok"
            page.fresh += [] if failed else [found.cell]
            yield self._news(page, found.cell, final=failed)
            if not page.missing:
                self._pair(page)
                if not set(self._able(page)) - set(self._timed(page)):
                    yield from self._finals(page)
            return
        page.times[found.cell] = found
        if page.times.keys() >= set(self._able(page)):
            page.fresh = sorted(page.times)
            self._keep_times(page)
            yield from self._finals(page)

    def _finals(self, page: _Page) -> Iterator[News]:
        for cell in page.fresh:
            yield self._news(page, cell, final=True)
        page.fresh.clear()

    # What is known.

    def _find_missing(self, page: _Page) -> None:
        """Cells without an accuracy that counts, and those whose draws are needed for a comparison and lost.

        A new cell is compared with the baseline, so the baseline's squared errors are needed. Are they lost, it is
        measured again: a new record, with which all others must be compared anew. So theirs are needed next.
        """
        page.missing = {cell for cell in range(len(page.keys)) if not self._is_known(page, cell)}
        base = page.block.baseline
        while base is not None:
            able = set(self._able(page))
            compared = able if base in page.missing else {cell for cell in able if not self._is_paired(page, cell)}
            needed = compared | ({base} if compared or page.missing else set())
            lost = {cell for cell in needed & able if self._path(page.keys[cell]) is None}
            if not lost:
                return
            page.missing |= lost

    def _is_known(self, page: _Page, cell: int) -> bool:
        key = page.keys[cell]
        record = self._records.get((key, "accuracy"))
        if record is None or record.settings != self._accuracy or record.row.get("device_missing"):
            return False
        time = self._records.get((key, "time"))
        states = {record.row["status"], time.row.get("status", "ok") if time is not None else "ok"}
        return not self._retry or states <= {*SETTLED}

    def _able(self, page: _Page) -> list[int]:
        """Cells whose accuracy is known and ok."""
        known = [cell for cell in range(len(page.keys)) if cell not in page.missing]
        return [cell for cell in known if self._records[page.keys[cell], "accuracy"].row["status"] == "ok"]

    def _timed(self, page: _Page) -> tuple[int, ...]:
        """Cells whose times are known, if they are all of one interleaved run with this baseline and these rounds."""
        if self._plan.settings.rounds == 0:
            return tuple(range(len(page.keys)))
        takes_part = {*self._able(page), *page.missing}
        records = {cell: self._records.get((key, "time")) for cell, key in enumerate(page.keys)}
        found = {cell: record for cell, record in records.items() if record is not None and cell in takes_part}
        valid = all(one.settings == self._timing and one.after[1:] == (page.baseline_key,) for one in found.values())
        if not valid or len({one.after for one in found.values()}) > 1:
            return ()
        return tuple(cell for cell, one in found.items() if not (self._retry and "status" in one.row))

    def _is_paired(self, page: _Page, cell: int) -> bool:
        record = self._records.get((page.keys[cell], "ratio"))
        return (record.after if record else ()) == self._pair_of(page, cell)

    def _pair_of(self, page: _Page, cell: int) -> tuple[str, ...]:
        """Digests of the accuracies that a cell's ratio builds upon: its own and the baseline's."""
        base = page.block.baseline
        if base is None or base not in self._able(page):
            return ()
        return tuple(self._records[page.keys[one], "accuracy"].sum for one in (cell, base))

    def _path(self, key: str) -> Path | None:
        record = self._records.get((key, "accuracy"))
        return None if record is None else self._draws.find(key, record.draws)

    # What is kept.

    def _keep_accuracy(self, page: _Page, found: Measurement) -> None:
        self._keys.check_unchanged(page.block.cells[found.cell])
        key, row = page.keys[found.cell], dict(found.row)
        row["work"] = row.get(f"cost_{self._host.tasks.get(page.block.task).load().work}")
        if found.traceback:
            folder = self._directory / TRACEBACKS
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(folder / f"{key}.txt", found.traceback)
            row["traceback"] = f"{TRACEBACKS}/{key}.txt"
        self._append(Record(key, "accuracy", row, self._accuracy, draws=self._draws.write(key, found.draws)))
        self._draws.unfinished(key).unlink(missing_ok=True)
        page.missing.discard(found.cell)

    def _keep_times(self, page: _Page) -> None:
        after = (uuid.uuid4().hex[:16], page.baseline_key)
        times = sorted(page.times.items())
        for cell, _ in times:
            self._keys.check_unchanged(page.block.cells[cell])
        self._append(*(Record(page.keys[cell], "time", one.row, self._timing, after) for cell, one in times))
        page.times.clear()

    def _pair(self, page: _Page) -> None:
        """Bring the block's ratios to its baseline up to date, but for cells whose draws somebody has deleted."""
        cells = [cell for cell in self._able(page) if not self._is_paired(page, cell)]
        if not cells:
            return
        base = page.block.baseline
        compared = cells if base is None else {*cells, base} & {*self._able(page)}
        errors = {cell: found for cell in compared if (found := self._errors(page, cell)) is not None}
        if len(errors) < len(compared):
            self.guard.news.append(
                f"{self._draws.path}: the draws of {len(compared) - len(errors)} cell(s) were deleted while the suite "
                "was running; their ratios to the baseline are missing until the suite is run again"
            )
        if base is not None and base in compared and base not in errors:
            return
        ratios = pair_with_baseline(errors, base, self._plan.settings.confidence)
        self._append(
            *(
                Record(page.keys[cell], "ratio", ratios.get(cell, {}), after=self._pair_of(page, cell))
                for cell in cells
                if cell in errors
            )
        )

    def _errors(self, page: _Page, cell: int) -> Errors | None:
        path = self._path(page.keys[cell])
        kept = unpack(read_kept(path))
        if kept.squared_errors is None:
            return None
        rounding = self._records[page.keys[cell], "accuracy"].row["rounding"]
        return Errors(page.block.estimators[cell].label, kept.squared_errors, rounding, kept.random)

    def close(self) -> None:
        """Remove what nobody goes on from once every cell is known."""
        if not self.left:
            self._draws.tidy()

    def restore(self) -> None:
        """Make anew what somebody has deleted of the run's files since they were written."""
        self.guard.restore()
        if self._records and not self._store.path.exists():
            self.guard.report(self._store.path)
            self._store.append(*self._records.values())

    def _append(self, *records: Record) -> None:
        if not records:
            return
        self.restore()
        for record, name in zip(records, self._store.append(*records), strict=True):
            self._records[record.key, record.part] = replace(record, sum=name)

    def _news(self, page: _Page, cell: int, final: bool) -> News:
        parts = [(key, part) for key in page.keys for part in ("accuracy", "ratio", "time")]
        known = Known({name: self._records[name] for name in parts if name in self._records}, page.planned)
        planned = page.planned[cell]
        row = {**planned.identity, **(known.row(planned) or {}), "key": planned.key}
        return News(page.block.cells[cell], row, final)

    def _planned(self, page: _Page, former: Former) -> list[PlannedCell]:
        timing = self._timing if self._plan.settings.rounds > 0 else ""
        found = []
        for number, (cell, key) in enumerate(zip(page.block.cells, page.keys, strict=True)):
            expected = self._plan.expected.get(cell.identity)
            who = identity(cell, self._plan.name) | {"task": page.block.task}
            who |= {} if expected is None else {"expected": expected.status, "expected_why": expected.why}
            made_of = self._keys.made_of(cell)
            before = former.made_of(who, key) if number in page.missing else ()
            found.append(
                PlannedCell(key, who, page.block.key, self._accuracy, timing, page.baseline_key, made_of, before)
            )
        return found
