"""Problems and estimators of a run, made again from its suite: for exporters that show more than the table does."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from estibench import host as plugin_host
from estibench.results.run_directory import Results
from estibench.suite import read_suite


@dataclass(frozen=True)
class RebuiltCell:
    """A cell of a run with its instances.

    Attributes:
        problem, estimator: labels, as in the table's columns.
        family: the estimator's label without its numbers.
        made_problem: on the CPU, in the cell's dtype; one instance for all cells of a block.
        made_estimator: the estimator.
        seed: of the suite.
    """

    problem: str
    estimator: str
    family: str
    made_problem: Any
    made_estimator: Any
    seed: int


def rebuild(results: Results, problems: tuple[str, ...]) -> Iterator[RebuiltCell]:
    """The ok cells of problems with these registered names, in the order of the plan; of several devices the first.

    Raises:
        UserError: the suite does not fit the plugins that are installed now.
    """
    ok = {(row["problem"], row["estimator"], row["dtype"]) for row in results.rows if row["status"] == "ok"}
    host = plugin_host.current()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "suite.yaml"
        path.write_text(results.about["suite_text"], encoding="utf-8")
        plan = read_suite(path, host, "cpu")
    for block in plan.blocks:
        if block.problem.name not in problems:
            continue
        problem = block.problem.build(host).at("cpu", block.dtype)
        for estimator in block.estimators:
            if (block.problem.label, estimator.label, block.dtype) in ok:
                labels = block.problem.label, estimator.label, estimator.family
                yield RebuiltCell(*labels, problem, estimator.build(host), plan.settings.seed)
