"""The measurement protocol: draws, statistics, claims, counted work, memory and paired timing of one block."""

from estibench.measure.block import measure_block

__all__ = ["measure_block"]
