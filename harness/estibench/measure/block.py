"""A block from beginning to end, in this process."""

from __future__ import annotations

from collections.abc import Iterator

from estibench.measure.bench import Bench, Watch
from estibench.measure.kept import read_kept, unpack
from estibench.measure.metrics import Row
from estibench.measure.pairing import Errors, pair_with_baseline
from estibench.suite.plan import Block, Measurement, Settings, Work


def measure(work: Work, settings: Settings, watch: Watch = lambda cell, step: None) -> Iterator[Measurement]:
    """What is left to do of a block: the missing accuracies one by one, then all times in one interleaved run."""
    bench = Bench(work.block, settings, watch)
    able = set(work.known)
    for cell in work.missing:
        found = bench.accuracy(cell, read_kept(work.kept.get(cell)), unfinished=work.unfinished.get(cell))
        yield found
        if found.row["status"] == "ok":
            able.add(cell)
    if able - set(work.timed):
        yield from bench.times(sorted(able))


def measure_block(block: Block, settings: Settings) -> list[Row]:
    """The whole rows of a block, in the order of its cells."""
    rows: list[Row] = [{} for _ in block.cells]
    errors: dict[int, Errors] = {}
    everything = Work(block, tuple(range(len(rows))))
    for found in measure(everything, settings):
        rows[found.cell] |= found.row
        if found.part == "accuracy" and found.row["status"] == "ok":
            kept = unpack(found.draws)
            if kept.squared_errors is not None:
                label, rounding = block.estimators[found.cell].label, found.row["rounding"]
                errors[found.cell] = Errors(label, kept.squared_errors, rounding, kept.random)
    for cell, ratio in pair_with_baseline(errors, block.baseline, settings.confidence).items():
        rows[cell] |= ratio
    return rows
