"""Every property test again and again with examples that no run has seen, until the time is over: `make fuzz`.

    python tests/fuzz.py [SECONDS] [SEED]

Seeds count upwards from SEED, which is the clock's unless told. The first test that fails ends it; what was found is
printed, with the command that finds it again. Exit code 1 then, else 0.
"""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTEST = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=fuzz"]


def pytest(*arguments: str, timeout: float | None = None) -> subprocess.CompletedProcess[str]:
    """A pytest of its own. Raises `subprocess.TimeoutExpired` when the time is over."""
    command = [sys.executable, *PYTEST, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout, cwd=ROOT)


def property_tests() -> dict[str, list[str]]:
    """The names of all tests that hypothesis draws examples for, by file."""
    found = pytest("--collect-only", "-m", "hypothesis")
    files: dict[str, list[str]] = {}
    for name in re.findall(r"^tests/\S+::\S+$", found.stdout, flags=re.MULTILINE):
        files.setdefault(name.partition("::")[0], []).append(name)
    if found.returncode or not files:
        raise SystemExit(found.stdout + found.stderr)
    return files


def explore(files: dict[str, list[str]], seconds: float, seed: int) -> int:
    """File by file, seed by seed, until the time is over or something is found. Returns the exit code."""
    end, runs = time.monotonic() + seconds, 0
    print(f"{sum(map(len, files.values()))} property tests, {seconds:g} s, seeds from {seed}", flush=True)
    for number, (file, tests) in ((number, each) for number in itertools.count(seed) for each in files.items()):
        try:
            done = pytest(f"--hypothesis-seed={number}", *tests, timeout=max(end - time.monotonic(), 0.01))
        except subprocess.TimeoutExpired:
            break
        print(f"seed {number}, {file}: {(done.stdout.strip().splitlines() or ['nothing'])[-1]}", flush=True)
        if done.returncode:
            failed = re.findall(r"^FAILED (tests/\S+::\S+)", done.stdout, flags=re.MULTILINE) or tests
            again = f"python {' '.join(PYTEST)} --hypothesis-seed={number} {' '.join(failed)}"
            print(f"{done.stdout}{done.stderr}\nTo find it again: {again}")
            return 1
        runs += 1
    print(f"nothing found: {runs} runs of {len(files)} files were finished")
    return 0


if __name__ == "__main__":
    told = [float(word) for word in sys.argv[1:]]
    told += [300.0, time.time()][len(told) :]
    sys.exit(explore(property_tests(), told[0], int(told[1])))
