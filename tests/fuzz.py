"""Every property test again and again with examples that no run has seen, until the time is over: `make fuzz`.

    python tests/fuzz.py [SECONDS] [SEED]

Each round has a seed of its own, from SEED upwards, which is the clock's unless told. The first round in which a test
fails is the last; what it found is printed, with the command that finds it again. Exit code 1 then, else 0.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Sequence

PYTEST = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=fuzz"]


def pytest(*arguments: str, timeout: float | None = None) -> subprocess.CompletedProcess[str]:
    """A pytest of its own. Raises `subprocess.TimeoutExpired` when the time is over."""
    command = [sys.executable, *PYTEST, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)


def property_tests() -> list[str]:
    """The names of all tests that hypothesis draws examples for."""
    found = pytest("--collect-only", "-m", "hypothesis")
    names = re.findall(r"^tests/\S+::\S+$", found.stdout, flags=re.MULTILINE)
    if found.returncode or not names:
        raise SystemExit(found.stdout + found.stderr)
    return names


def explore(tests: Sequence[str], seconds: float, seed: int) -> int:
    """Rounds until the time is over, or something is found. Returns the exit code."""
    end, start = time.monotonic() + seconds, seed
    print(f"{len(tests)} property tests, {seconds:g} s, seeds from {seed}", flush=True)
    while (left := end - time.monotonic()) > 0:
        try:
            done = pytest(f"--hypothesis-seed={seed}", *tests, timeout=left)
        except subprocess.TimeoutExpired:  # in the midst of a round, as a rule
            break
        print(f"seed {seed}: {(done.stdout.strip().splitlines() or ['nothing'])[-1]}", flush=True)
        if done.returncode:
            failed = re.findall(r"^FAILED (tests/\S+::\S+)", done.stdout, flags=re.MULTILINE) or tests
            again = f"python {' '.join(PYTEST)} --hypothesis-seed={seed} {' '.join(failed)}"
            print(f"{done.stdout}{done.stderr}\nTo find it again: {again}")
            return 1
        seed += 1
    print(f"{seed - start} rounds found nothing")
    return 0


if __name__ == "__main__":
    told = [float(word) for word in sys.argv[1:]]
    told += [300.0, time.time()][len(told) :]
    sys.exit(explore(property_tests(), told[0], int(told[1])))
