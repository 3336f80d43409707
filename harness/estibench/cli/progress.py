"""What a run is doing: how many cells are done and how long it may take; which problem, which step, and since when."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from estibench.exports.short_names import short_names
from estibench.suite.plan import DATA, PROBLEM, TRUTH

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from estibench.runs.book import News
    from estibench.suite import Plan
    from estibench.suite.plan import Block

OF_THE_BLOCK = {PROBLEM: "building the problem", TRUTH: "computing the truth", DATA: "making the problem's data"}
PATIENCE = 2.0  # seconds after which a step says how long it has taken


class CellProgress:
    """Two lines on a terminal: a bar over all cells, and below it the block, the cell and the step.

    Args:
        kept: cells of which nothing is left to measure.
        clock: seconds.
    """

    def __init__(self, plan: Plan, kept: int, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        names = short_names([block.problem.label for block in plan.blocks])
        self._places = {
            cell.identity: (f"block {number}/{len(plan.blocks)}", names[block.problem.label])
            for number, block in enumerate(plan.blocks, start=1)
            for cell in block.cells
        }
        self._clock, self._doing, self._since = clock, "starting workers", clock()
        doing = self.doing

        class Lines(Progress):
            def get_renderables(self) -> Iterator[RenderableType]:
                from rich.text import Text

                yield self.make_tasks_table(self.tasks)
                yield Text(doing(), style="dim")

        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("cells,"), TimeRemainingColumn(), TextColumn("left"))
        self._lines = Lines(*columns, console=console, transient=True)
        self._task = self._lines.add_task("", total=plan.cells, completed=kept)

    def __enter__(self) -> CellProgress:
        self._lines.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._lines.stop()

    def doing(self) -> str:
        """The second line; a step that takes a while says how long it has taken."""
        seconds = self._clock() - self._since
        return self._doing + (f" ({seconds:.0f} s)" if seconds >= PATIENCE else "")

    def advance(self, news: News) -> None:
        """A cell is in the store."""
        self._lines.update(self._task, advance=int(news.final))
        self._says(news.cell, f"{news.cell.estimator.label}, done" if news.final else news.cell.estimator.label)

    def watch(self, block: Block, cell: int, step: str) -> None:
        """A step begins."""
        text = OF_THE_BLOCK.get(step) or f"{block.estimators[cell].label}, {step}"
        self._says(block.cells[cell], text)

    def _says(self, cell: Any, text: str) -> None:
        place, problem = self._places[cell.identity]
        self._doing, self._since = f"{place}, {problem}: {text}", self._clock()
