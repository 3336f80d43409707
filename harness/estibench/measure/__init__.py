"""The measurement protocol: draws, statistics, claims, counted work, memory and paired timing of one block."""

from estibench.measure.bench import Bench
from estibench.measure.block import measure, measure_block

__all__ = ["Bench", "measure", "measure_block"]
