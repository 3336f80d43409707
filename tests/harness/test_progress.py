"""Progress says which problem, which step and since when, on two lines that hold any name."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from estibench.cli.progress import CellProgress
from estibench.runs.book import News
from estibench.suite import read_suite
from estibench.suite.plan import TRUTH

SUITE = """
name: s
problems: [{name: matrix, dim: [8, 16], spectrum: flat}]
estimators: [exact, {name: hutchinson, probes: [1, 4]}]
"""


def test_the_second_line_says_what_is_being_done_and_for_how_long(host: Any, suite_file: Any) -> None:
    plan = read_suite(suite_file(SUITE), host)
    now = [100.0]
    screen = Console(file=io.StringIO(), width=80, force_terminal=True)
    with CellProgress(plan, 2, screen, clock=lambda: now[0]) as progress:
        assert progress.doing() == "starting workers"
        now[0] += 5
        assert progress.doing() == "starting workers (5 s)"
        block = plan.blocks[1]
        progress.watch(block, 0, TRUTH)
        assert progress.doing() == "block 2/2, dim=16: computing the truth"
        now[0] += 61
        assert progress.doing() == "block 2/2, dim=16: computing the truth (61 s)"
        progress.watch(block, 2, "drawing")
        assert progress.doing() == "block 2/2, dim=16: hutchinson(probes=4), drawing"
        progress.advance(News(block.cells[2], {}, True))
        assert progress.doing() == "block 2/2, dim=16: hutchinson(probes=4), done"
    assert "3/6" in screen.file.getvalue()  # type: ignore[attr-defined]
