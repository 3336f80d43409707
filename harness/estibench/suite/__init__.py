"""From a YAML file to a plan: read with positions, validate all at once, expand grids into blocks."""

from estibench.suite.plan import Block, Cell, Measurement, Plan, Settings, Work
from estibench.suite.read import read_suite

__all__ = ["Block", "Cell", "Measurement", "Plan", "Settings", "Work", "read_suite"]
