"""Files that are whole or not there: what a kill or a full disk leaves is the old file or the new one."""

from __future__ import annotations

import os
from pathlib import Path

from estibench.errors import UserError


def write_whole(path: Path, data: bytes | str) -> None:
    """Write beside `path`, then rename. Raises `UserError` when that fails, on a full disk for example."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(data.encode(errors="backslashreplace") if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UserError(f"{path}: cannot write: {error.strerror}; what was measured before is kept") from error
