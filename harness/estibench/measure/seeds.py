"""Seeds: the same suite seed, block and chunk give the same randomness, whatever the engine or the order."""

from __future__ import annotations

import hashlib


def chunk_seed(suite_seed: int, block_key: str, chunk: str) -> int:
    """The seed of one chunk of draws: shared by all estimators of the block, so comparisons are paired."""
    text = f"{suite_seed}:{block_key}:{chunk}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
