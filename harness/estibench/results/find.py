"""Where runs are: the ones of this folder, and the published ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from estibench.errors import UserError, did_you_mean
from estibench.results.published import TABLE_FILE
from estibench.results.run_directory import RUN_FILE, read_about

PLACES = (Path("results/runs"), Path("results/published"))


def known_runs() -> Iterator[Path]:
    """Run directories of the working directory, unpublished ones first."""
    for place in PLACES:
        if place.is_dir():
            yield from sorted(path.parent for path in place.glob(f"*/{RUN_FILE}"))


def find_run(name: Path) -> Path:
    """The directory of a run: a path, or the name of a folder in `results/runs` or else in `results/published`.

    Raises:
        UserError: there is no such run.
    """
    for path in (name, *(place / name for place in PLACES)):
        if (path / RUN_FILE).is_file():
            return path
    if name.is_dir():
        raise UserError(f"{name}: not a run directory: it has no {RUN_FILE}")
    known = {path.name for path in known_runs()}
    hint = did_you_mean(str(name), known) if known else "; make one: bench run trace"
    raise UserError(f"{name}: there is no such run{hint}")


def shown_name(directory: Path) -> str:
    """How a command names a run: the name of its folder, where that suffices."""
    return directory.name if directory.parent in PLACES else str(directory)


def tasks_of(directory: Path) -> set[str]:
    """The tasks that a finished run measured; none where it has no table of this version."""
    import pandas as pd

    try:
        read_about(directory)
        return {str(task) for task in pd.read_parquet(directory / TABLE_FILE, columns=["task"])["task"]}
    except Exception:  # an unfinished or an old run, or bytes of any origin: it has nothing to say
        return set()
