"""Keys: when a stored result may stand for a new one.

A cell's key covers what its numbers can depend on, and nothing else: problem, estimator, their parameters, device,
dtype, seed; the sources that the modules of its components import within plugins; the distributions behind those
imports, with what these require; Python, torch, the measuring code, the kind of processor. Equal keys, equal numbers.
"""

from estibench.keys.cells import Keys

__all__ = ["Keys"]
