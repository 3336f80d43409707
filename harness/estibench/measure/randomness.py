"""Whether code draws from a global random generator instead of the one that it is given."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def drawing_elsewhere() -> Iterator[list[str]]:
    """A list that holds, after the `with` block, whose global generators were used in it: torch, numpy, random."""
    found: list[str] = []
    before = _states()
    yield found
    after = _states()
    found.extend(name for name, state in before.items() if state != after[name])


def _states() -> dict[str, object]:
    kind, keys, *rest = np.random.get_state(legacy=True)
    states: dict[str, object] = {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy": (kind, np.asarray(keys).tobytes(), *rest),
        "Python's random": random.getstate(),
    }
    if torch.cuda.is_initialized():
        states["torch on CUDA"] = [state.numpy().tobytes() for state in torch.cuda.get_rng_state_all()]
    return states
