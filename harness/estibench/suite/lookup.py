"""Where suites are found: an explicit path, the checkout's `suites/`, then the copy inside the package."""

from __future__ import annotations

from pathlib import Path

from estibench.errors import UserError, did_you_mean


def suite_folders() -> list[Path]:
    """Folders that are searched for a suite's bare name, in order, where they exist."""
    package = Path(__file__).resolve().parent.parent
    checkout = package.parent.parent / "suites"
    return [folder for folder in (Path("suites"), checkout, package / "suites") if folder.is_dir()]


def known_suites() -> dict[str, Path]:
    """Every suite that a bare name finds."""
    found: dict[str, Path] = {}
    for folder in suite_folders():
        for path in sorted(folder.glob("*.yaml")):
            found.setdefault(path.stem, path)
    return found


def find_suite(name: str) -> Path:
    """The file of a suite given as a path or as a bare name. Raises `UserError` where there is none.

    A path into `suites/` that does not exist here still finds the packaged copy, so the README's
    `bench run suites/trace.yaml` works in any folder; and a folder that has a suite's name, as a run has, hides none.
    """
    path = Path(name)
    try:
        is_file, is_folder = path.is_file(), bool(name) and path.is_dir()
    except OSError as error:
        raise UserError(f"{name[:60]}…: no such suite: {error.strerror}") from error
    if is_file:
        return path
    known = known_suites()
    bare = len(path.parts) == 1 and path.suffix in ("", ".yaml", ".yml")
    packaged = path.parts[:-1] == ("suites",)
    if (bare or packaged) and path.stem in known:
        return known[path.stem]
    if is_folder:
        raise UserError(f"{name}: is a folder; give a suite file, for example {name.rstrip('/')}/trace.yaml")
    raise UserError(f"{name}: no such suite{did_you_mean(path.stem, known)}")
