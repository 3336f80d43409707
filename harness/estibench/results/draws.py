"""The folder of draws of a run: one file of plain arrays per cell, from which a later run goes on.

While a cell trains for long, the state of its training is kept beside it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from estibench.results.files import write_whole

FOLDER = "draws"
TRAINING = ".training"


class DrawsFolder:
    """Files of draws by the key of the cell. What they hold is `estibench.measure.kept`'s to know."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FOLDER

    def unfinished(self, key: str) -> Path:
        """Where the training runs of a cell are kept while they last; see `estibench.contracts.unfinished`."""
        return self.path / f"{key}{TRAINING}"

    def tidy(self) -> None:
        """Remove what is left of trainings whose cells are done, or are no longer asked for."""
        for path in self.path.glob(f"*{TRAINING}"):
            path.unlink(missing_ok=True)

    def write(self, key: str, data: bytes) -> str:
        """Replace the cell's file. Returns the digest that goes into the cell's record."""
        if not data:
            return ""
        self.path.mkdir(parents=True, exist_ok=True)
        write_whole(self._file(key), data)
        return _digest(data)

    def find(self, key: str, digest: str) -> Path | None:
        """The cell's file, if it is there and whole."""
        path = self._file(key)
        try:
            whole = bool(digest) and _digest(path.read_bytes()) == digest
        except OSError:
            return None
        return path if whole else None

    def _file(self, key: str) -> Path:
        return self.path / f"{key}.safetensors"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
