"""`make cuda-pack`: the wheels that a machine with PyTorch and the scientific stack, but without a network, lacks.

They go into `build/cuda-wheels/`, which `make cuda` installs from. Versions are those of `constraints.txt`; the
machine is Linux on x86-64 with glibc 2.28 or newer, and any CPython 3.12. Standard library only.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WHEELS = ROOT / "build" / "cuda-wheels"
MOST = 50 * 2**20  # bytes of all wheels together: they travel with the tree
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
LACKING = (
    # what estibench imports …
    "annotated-types",
    "itables",
    "platformdirs",
    "pydantic",
    "ruamel.yaml",
    "vl-convert-python",
    # … what that needs …
    "pydantic_core",
    "typing-extensions",
    "typing-inspection",
    # … and what builds estibench there, so that the code that runs is the tree's
    "hatchling",
    "tomlkit",
    "trove-classifiers",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=WHEELS, help="folder of the wheels")
    parser.add_argument("--python", default="3.12", help="version of the machine's Python")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for old in given.out.glob("*.whl"):
        old.unlink()
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary=:all:", "--implementation", "cp", "--python-version", given.python]
    command += [part for platform in PLATFORMS for part in ("--platform", platform)]
    command += ["-c", str(ROOT / "constraints.txt"), "-d", str(given.out), *LACKING]
    if subprocess.run(command, check=False).returncode:
        print("pip could not fetch the wheels: its lines above say which", file=sys.stderr)
        return 1
    wheels = sorted(given.out.glob("*.whl"))
    total = sum(wheel.stat().st_size for wheel in wheels)
    print(f"{len(wheels)} wheels, {total / 2**20:.1f} MiB, in {given.out}")
    if total > MOST:
        print(f"more than {MOST / 2**20:.0f} MiB: leave something out of LACKING", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
