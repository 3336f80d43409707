"""What `assess` returns: the answer first, then the table, the plot and a run directory."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from estibench.assessment.words import Told, advice
from estibench.contracts.own import Own
from estibench.errors import UserError
from estibench.exports.contests import unit_of_work
from estibench.results.run_directory import Results

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from estibench.exports.plots import Picture

SHOWN = {
    "estimator": "estimator",
    "relative_rmse": "relative error",
    "time": "time [s]",
    "work": "work",
    "peak_bytes": "memory [MB]",
    "status": "status",
}
MOST_DOUBTS = 8  # claims in the terminal
PLOT = {"kind": "error_cost", "x": "time", "problems": None, "title": "Error against time", "name": "assess"}


@dataclass(frozen=True)
class Wish:
    """What was asked for; see `assess`."""

    target: float | None = None
    budget: float | None = None
    by: Literal["time", "work"] = "time"


@dataclass(frozen=True)
class Assessment:
    """The answer about a user's own model.

    Attributes:
        results: of the run that was made for it.
        task: its name.
        own: how it takes objects.
        subject: what the user's own object is called: `field`.
        wish: what was asked for.
        notes: what the user should know besides: that the run was interrupted, that a density may have no normaliser.
    """

    results: Results
    task: str
    own: Own
    subject: str
    wish: Wish
    notes: tuple[str, ...] = ()

    @property
    def frame(self) -> pd.DataFrame:
        """The table of every estimator; see `docs/results.md` for the columns."""
        return self.results.frame

    @property
    def directory(self) -> Path:
        """Of the run, for every `bench` command."""
        return self.results.directory

    @property
    def exit_code(self) -> int:
        """2 for a problem without a truth, 1 where an estimator failed or none was measured; what did not fit into the
        limits has not failed.
        """
        found = {row["status"] for row in self.results.rows}
        failed = found - {"ok", "unsupported", "timeout", "out_of_memory"}
        return 2 if "bad_problem" in failed else int(bool(failed) or "ok" not in found)

    @cached_property
    def advice(self) -> str:
        """Which estimator to use, what it gives and what it costs, in a few sentences."""
        rows = [{str(name): value for name, value in row.items()} for row in self.frame.to_dict("records")]
        wish = self.wish
        told = Told(self.own.exact, unit_of_work(self.frame), self.subject)
        return " ".join([advice(rows, told, wish.target, wish.budget, wish.by), *self.notes])

    @property
    def legend(self) -> list[str]:
        """What the names in the table mean, a line each: of estimators, of the unit of work, of the truth."""
        from estibench import host as plugin_host

        known = plugin_host.current().estimators
        names = dict.fromkeys(str(name) for name in self.frame["estimator_name"])
        lines = [f"{name}: {known.get(name).summary}" for name in names if name in known]
        sources = [row["truth_source"] for row in self.results.rows if isinstance(row.get("truth_source"), str)]
        more = {"work": self.own.unit, "truth": sources[0] if sources else ""}
        return [*lines, *(f"{name}: {what}" for name, what in more.items() if what)]

    @property
    def doubts(self) -> list[str]:
        """Claims of estimators that were refuted or left undecided, a line each."""
        from estibench.exports.findings import findings

        found = [one for one in findings(self.results) if one.verdict in ("refuted", "undecided")]
        return [f"{one.verdict}: {one.where.partition(' on ')[0]}: “{one.claim}”: {one.evidence}" for one in found]

    @property
    def table(self) -> pd.DataFrame:
        """The few columns that one looks at first, the most accurate estimator first."""
        import pandas as pd

        frame = self.frame
        found = frame[[name for name in SHOWN if name in frame]].copy()
        if "peak_bytes" in found:
            found["peak_bytes"] = pd.to_numeric(found["peak_bytes"]) / 1e6
        if "relative_rmse" not in found or found["relative_rmse"].isna().all():
            found = found.drop(columns="relative_rmse", errors="ignore")
            found.insert(1, "rmse", frame["rmse"] if "rmse" in frame else float("nan"))
        order = "relative_rmse" if "relative_rmse" in found else "rmse"
        return found.sort_values(order).rename(columns=SHOWN).reset_index(drop=True)

    def plot(self) -> Figure:
        """Error against time, one point for each estimator. Raises `UserError` where nothing was measured."""
        return self._picture().draw()

    def _picture(self) -> Picture:
        from dataclasses import replace

        from estibench.exports.plots import pictures

        relative = "relative_rmse" in self.frame and self.frame["relative_rmse"].notna().any()
        plot = PLOT | {"y": "relative_rmse" if relative else "rmse"}
        drawn = next(pictures(replace(self.results, about={**self.results.about, "plots": [plot]})), None)
        if drawn is None:
            raise UserError("nothing to draw: no estimator has both an error and a time")
        return drawn

    def save(self, directory: str | Path) -> Path:
        """Copy the run to a directory, with tables, plots and a report. Returns it.

        Raises:
            UserError: it exists and is not empty, or a file could not be written.
        """
        from estibench import host as plugin_host
        from estibench.exports.write import write

        place = Path(directory)
        if place.exists() and any(place.iterdir()):
            raise UserError(f"{place}: exists and is not empty; choose another directory")
        shutil.copytree(self.directory, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".lock", "*.lock"))
        results = Results.read(place)
        _, complaints = write(plugin_host.current().exporters, results)
        if complaints:
            raise UserError("\n".join(complaints))
        return place

    def __str__(self) -> str:
        shown = self.table.to_string(index=False, float_format=lambda value: f"{value:.3g}")
        doubts = self.doubts
        more = [f"… and {len(doubts) - MOST_DOUBTS} more"] if len(doubts) > MOST_DOUBTS else []
        parts = [self.advice, shown, "\n".join([*doubts[:MOST_DOUBTS], *more]), "\n".join(self.legend)]
        return "\n\n".join([*filter(None, parts), str(self.directory)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """For a notebook: the answer, a plot, the table."""
        import html

        from estibench.exports.plots import to_svg

        try:
            drawn = to_svg(self.results, self._picture())
        except UserError:
            drawn = ""
        table: Any = self.table.to_html(index=False, float_format=lambda value: f"{value:.3g}", border=0)
        return f"<p><b>{html.escape(self.advice)}</b></p>{drawn[max(drawn.find('<svg'), 0) :]}{table}"
