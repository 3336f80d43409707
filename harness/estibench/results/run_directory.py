"""The directory of a run, and the results read back from it."""

from __future__ import annotations

import importlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from estibench.errors import UserError
from estibench.plain import printable
from estibench.results.expected import is_surprise
from estibench.results.frame import to_frame
from estibench.results.plan_file import PlannedCell, read_plan
from estibench.results.published import TABLE_FILE, read_table, rows_of
from estibench.results.store import FILE as STORE_FILE
from estibench.results.store import Record, Store, latest

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
RUN_FILE = "run.json"
FORMAT = 2


@dataclass(frozen=True)
class Results:
    """A run's results: what `estibench.run` and `estibench.load` return.

    Attributes:
        directory: the run directory.
        about: what `run.json` says: suite, machine, versions, commit, threads, seeds.
        rows: one mapping per cell, as stored.
        published: the table of a run whose store is not here.
        scratch: what one exporter has computed and another may use, such as a drawn figure; never stored.
    """

    directory: Path
    about: dict[str, Any]
    rows: list[dict[str, Any]]
    published: pd.DataFrame | None = field(default=None, compare=False, repr=False)
    scratch: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per cell; see `docs/results.md` for the columns."""
        return to_frame(self.rows, self.confidence) if self.published is None else self.published

    @property
    def confidence(self) -> float:
        """The level of all intervals of the run."""
        return float(self.about.get("settings", {}).get("confidence", 0.95))

    @property
    def exit_code(self) -> int:
        """0 when every cell is ok, unsupported or as expected; 1 for a surprise; 2 for a problem without a truth.

        A device that the suite names and the machine lacks is a failure, unless it says `devices: auto`.
        """
        if any(row["status"] == "bad_problem" for row in self.rows):
            return 2
        missing = any(row["status"] == "unsupported" and row.get("device_missing") for row in self.rows)
        return int(any(map(is_surprise, self.rows)) or (missing and not self.about["devices_auto"]))

    def _repr_html_(self) -> str:
        """For a notebook: the answer, a plot and a table."""
        # What draws stands above the results, which know nothing of it until somebody looks at them.
        text: str = importlib.import_module("estibench.exports.notebook").to_html(self)
        return text

    @classmethod
    def read(cls, directory: Path) -> Results:
        """Results of a finished, unfinished or published run. Raises `UserError` where there is none."""
        about = read_about(directory)
        table = directory / TABLE_FILE
        if not (directory / STORE_FILE).exists() and table.exists():
            frame = read_table(table)
            return cls(directory, about, rows_of(frame), frame)
        records = latest(Store(directory).read()[0])
        planned = read_plan(directory)
        rows = [record.row for record in records.values()] if planned is None else list(assemble(planned, records))
        if not rows:
            suite = about.get("suite_file") or "SUITE"
            raise UserError(f"{directory}: the run has no rows yet; measure some: bench run {suite}")
        return cls(directory, about, rows)


def once(function: Callable[[Results], T]) -> Callable[[Results], T]:
    """The same function of a run's results, computed for whoever asks first and kept for the others."""
    name = f"{function.__module__}.{function.__qualname__}"

    @wraps(function)
    def kept(results: Results) -> T:
        if name not in results.scratch:
            results.scratch[name] = function(results)
        found: T = results.scratch[name]
        return found

    return kept


def read_about(directory: Path) -> dict[str, Any]:
    """The content of `run.json`. Raises `UserError` where there is none, or none of ours."""
    path = directory / RUN_FILE
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{directory}: not a run directory: it has no {RUN_FILE}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: cannot read: {error}") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise UserError(f"{path}: not of this version of estibench; choose another directory, or measure again")
    return about


def assemble(planned: Sequence[PlannedCell], records: Mapping[tuple[str, str], Record]) -> Iterator[dict[str, Any]]:
    """The rows of the cells that have one, in the plan's order; their texts are safe to print."""
    known = Known(records, planned)
    for cell in planned:
        row = known.row(cell)
        if row is not None:
            yield printable({**cell.identity, **row, "key": cell.key})


class Known:
    """What records say of planned cells: which of them belong together and are up to date."""

    def __init__(self, records: Mapping[tuple[str, str], Record], planned: Sequence[PlannedCell]) -> None:
        self._records = records
        self._sums = {record.sum for (_, part), record in records.items() if part == "accuracy"}
        runs: dict[str, Counter[str]] = defaultdict(Counter)
        for cell in planned:
            time = records.get((cell.key, "time"))
            if time is not None and _is_time_of(cell, time):
                runs[cell.block][time.after[0]] += 1
        self._runs = {block: found.most_common(1)[0][0] for block, found in runs.items()}

    def row(self, cell: PlannedCell) -> dict[str, Any] | None:
        """Its accuracy, and the ratio and the times that belong to it; None where nothing is known."""
        accuracy = self._records.get((cell.key, "accuracy"))
        if accuracy is None:
            return None
        row = dict(accuracy.row)
        if row["status"] != "ok":
            return row
        ratio, time = self._records.get((cell.key, "ratio")), self.time(cell)
        if ratio is not None and ratio.after[:1] == (accuracy.sum,) and self._sums.issuperset(ratio.after):
            row |= ratio.row
        return row if time is None else row | time.row

    def is_current(self, cell: PlannedCell) -> bool:
        """Whether the accuracy is of the settings that the plan asks for."""
        accuracy = self._records.get((cell.key, "accuracy"))
        return accuracy is not None and accuracy.settings == cell.accuracy

    def time(self, cell: PlannedCell) -> Record | None:
        """The times, if they are of the block's one interleaved run and against its baseline."""
        found = self._records.get((cell.key, "time"))
        if found is None or not _is_time_of(cell, found) or found.after[0] != self._runs.get(cell.block):
            return None
        return found


def _is_time_of(cell: PlannedCell, record: Record) -> bool:
    return bool(cell.timing) and record.settings == cell.timing and record.after[1:] == (cell.baseline,)


def set_aside(directory: Path) -> Path | None:
    """Move what was measured into a folder of its own, so that a run begins anew. Returns the folder."""
    old = [path for name in (STORE_FILE, "draws", "tracebacks") if (path := directory / name).exists()]
    if not old:
        return None
    number = 1
    while (folder := directory / f"earlier-{number}").exists():
        number += 1
    folder.mkdir()
    for path in old:
        path.rename(folder / path.name)
    return folder


def load(directory: str | Path) -> Results:
    """The results of a run that is stored or published, as `estibench.run` returned them; `.frame` is the table.

    Nothing is unpickled or executed.

    Raises:
        UserError: the directory holds no run, or none of this version.

    Example:
        >>> import estibench
        >>> estibench.load("results/runs/trace").frame  # doctest: +SKIP
    """
    return Results.read(Path(directory))
