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
        found = bench.accuracy(cell, read_kept(work.kept.get(cell)))
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
        squared = unpack(found.draws).squared_errors
        if found.part == "accuracy" and found.row["status"] == "ok" and squared is not None:
            errors[found.cell] = Errors(block.estimators[found.cell].label, squared, found.row["rounding"])
    for cell, ratio in pair_with_baseline(errors, block.baseline, settings.confidence).items():
        rows[cell] |= ratio
    return rows
