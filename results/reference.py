"""Measures every suite and publishes it, from one commit on one machine. Goes on where it was stopped.

    python results/reference.py            all suites, and the self-test: hours
    python results/reference.py vq trace   these

The published libraries are measured in the environment of `make peers`, where there is one.
Runs stay in `results/runs/`; what readers see is written to `results/published/`, of which git keeps what a page on a
code host shows (see `.gitignore`); `make site` writes the rest.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS, PUBLISHED = ROOT / "results" / "runs", ROOT / "results" / "published"
SELFTEST = "selftest"
PEERS = ROOT / ".venv-peers" / "bin" / "python"
PICTURES = {  # of samples and of densities over time, which plugins draw and `bench publish` takes along
    **dict.fromkeys(("zoo_2d", "zoo_digits"), ("model_pictures",)),
    **dict.fromkeys(("langevin", "annealed"), ("sample_pictures", "effective_samples")),
    "fokker_planck": ("evolution_pictures",),
}
CODE = ("harness", "plugins", "suites", "pyproject.toml", "constraints.txt")  # what numbers come from


def main(names: list[str]) -> int:
    """Exit code 1 where a suite fails: the others are measured and published all the same."""
    changed = _said("git", "status", "--porcelain", "--", *CODE)
    if changed:
        print(
            f"commit or set aside what has changed first, so that one commit says it all:\n{changed}", file=sys.stderr
        )
        return 2
    commit = _said("git", "rev-parse", "HEAD")
    known = [path.stem for path in sorted((ROOT / "suites").glob("*.yaml"))]
    wanted = names or [name for name in known if PEERS.exists() or not _of_peers(name)]
    failed = [name for name in wanted if not _measured(name, commit)]
    good = [name for name in wanted if name not in failed]
    if SELFTEST in good:
        shutil.copytree(RUNS / SELFTEST, PUBLISHED / SELFTEST, ignore=_own_business, dirs_exist_ok=True)
    runs = [str(RUNS / name) for name in good if name != SELFTEST]
    if runs and _bench("publish", *runs, "-q"):  # all at once: every page that speaks of several runs is written anew
        failed.append("publish")
    if failed:
        print(f"failed, or measured at another commit than {commit}: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


def _of_peers(name: str) -> bool:
    return name.startswith("peers_")


def _measured(name: str, commit: str) -> bool:
    """Measure what is left of a suite. Whether it went well, and at this commit."""
    command = [SELFTEST] if name == SELFTEST else ["run", f"suites/{name}.yaml", "-q"]
    print(f"bench {' '.join(command)}", file=sys.stderr)
    python = str(PEERS) if _of_peers(name) else sys.executable
    done = _bench(*command, "-o", str(RUNS / name), python=python)
    for exporter in PICTURES.get(name, ()):
        done |= _bench("export", str(RUNS / name), "--only", exporter, python=python)
    about = RUNS / name / "run.json"
    return not done and json.loads(about.read_text(encoding="utf-8")).get("commit") == commit


def _own_business(folder: str, names: list[str]) -> set[str]:
    """What of a self-test's run nobody reads."""
    kept = {"run.json", "table.parquet", "tables"} if Path(folder).name == SELFTEST else set(names)
    return set(names) - kept


def _bench(*words: str, python: str = sys.executable) -> int:
    return subprocess.run([python, "-m", "estibench", *words], cwd=ROOT, check=False).returncode


def _said(*words: str) -> str:
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
