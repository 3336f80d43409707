"""`make test` runs every folder of tests, but for those that are named here with their reason."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
ELSEWHERE = {  # folder → who runs it
    "tests/benchmarks": "measures speed, and asserts nothing: make bench",
    "tests/example_plugin": "a distribution of its own: tests/harness/test_example_plugin.py runs its tests",
}


def folders_of_tests() -> set[str]:
    """The folders of `tests` in which, at any depth, is a file of tests."""
    found = (path.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py"))
    return {path.parts[0] + "/" + path.parts[1] for path in found}


def test_every_folder_is_run_or_named() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    testpaths = settings["testpaths"]
    assert len(testpaths) == len(set(testpaths))
    assert set(testpaths) | set(ELSEWHERE) == folders_of_tests()
    assert set(testpaths) & set(ELSEWHERE) == set()
