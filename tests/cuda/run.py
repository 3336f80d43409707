"""`make cuda`: all of ours that needs an accelerator, within eight minutes, on a borrowed machine without a network.

It installs what `make cuda-pack` has collected, runs the tests marked `cuda`, the clock against a bare loop of events,
short forms of five suites, `torch.compile` and CUDA graphs against plain calls, tf32 against float32, and the
conformance kit of all that is built in, on the device. Each step has a limit of its
own, and one that fails or is too slow stops no other. What is done is not done again: the same command goes on where it
was stopped. Standard library only, so that a bare Python can start it.

    python3 tests/cuda/run.py --device cuda --out build/cuda
    python  tests/cuda/run.py --device cpu  --out /tmp/rehearsal      # everything but the device

In OUT: `summary.md`, `summary.json`, `logs/`, `runs/<suite>/` (run.json, table.parquet, cells, tracebacks), and all of
it in one file, `out.tar.gz`. `bench publish OUT/runs/*` makes pages of the runs, on any machine.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WHEELS = ROOT / "build" / "cuda-wheels"
SUITES = ("divergence", "trace", "compile", "tf32", "score_gradient", "discrete", "ode_gradient")
GRACE = 20.0  # seconds to write down what there is, after a step has been told to stop
WORKERS = 8  # test processes, at most; each holds a context on the device
LEFT_OUT = ("draws", "site")  # of the archive
FAILED = re.compile(r"(?:^|\s)(?:FAILED|ERROR)\s+(\S+::.*)")


@dataclass(frozen=True)
class Step:
    """A command with its limit in seconds."""

    name: str
    command: Sequence[str]
    limit: float


@dataclass
class Outcome:
    """How a step went: `passed`, `failed`, `stopped` (by its limit), or `no time left`."""

    name: str
    status: str
    seconds: float = 0.0
    code: int | None = None
    failures: list[str] = field(default_factory=list)


class Errand:
    """One visit to a machine: what has been done, and where it is written."""

    def __init__(self, out: Path, device: str, limit: float) -> None:
        self.out, self.device = out, device
        self.logs, self.site = out / "logs", out / "site"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.end = time.monotonic() + limit
        self.environment = os.environ | {"ESTIBENCH_DEVICE": device, "PYTHONUNBUFFERED": "1"}
        if self.site.exists():
            self._use_site()
        self.record = out / "summary.json"
        self.outcomes: dict[str, Outcome] = {}
        with suppress(OSError, ValueError, TypeError, KeyError):
            known = json.loads(self.record.read_text(encoding="utf-8"))
            if known["device"] == device:
                self.outcomes = {one["name"]: Outcome(**one) for one in known["steps"]}

    def do(self, step: Step, again: bool = False) -> None:
        """Run a step that has not passed yet, and write everything down."""
        before = self.outcomes.get(step.name)
        if before is not None and before.status == "passed" and not again:
            print(f"{step.name:16} passed before", flush=True)
            return
        left = self.end - time.monotonic() - GRACE
        outcome = Outcome(step.name, "no time left") if left < 5 else self._run(step, min(step.limit, left))
        self.outcomes[step.name] = outcome
        print(f"{step.name:16} {outcome.status}, {outcome.seconds:.0f} s", flush=True)
        for line in outcome.failures[:20]:
            print(f"    {line}", flush=True)
        self.write_down()

    def install(self) -> None:
        """The wheels, and this tree's own code, into a folder beside the results."""
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--upgrade"]
        pip += ["--no-compile", "--disable-pip-version-check", "--target", str(self.site)]
        if not WHEELS.exists():
            return  # then this Python must have everything, estibench included
        self.do(Step("wheels", [*pip, *map(str, sorted(WHEELS.glob("*.whl")))], 60))
        self._use_site()
        self.do(Step("estibench", [*pip, "--no-build-isolation", str(ROOT)], 60), again=True)

    def write_down(self) -> None:
        """Summary and archive, as they are now."""
        steps = list(self.outcomes.values())
        text = json.dumps({"device": self.device, "steps": [asdict(one) for one in steps]}, indent=2)
        self.record.write_text(text + "\n", encoding="utf-8")
        (self.out / "summary.md").write_text(_markdown(self.device, steps), encoding="utf-8")
        _pack(self.out)

    def _use_site(self) -> None:
        paths = [str(self.site), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment["PYTHONPATH"] = os.pathsep.join(paths)

    def _run(self, step: Step, limit: float) -> Outcome:
        log = self.logs / f"{step.name}.log"
        begin = time.monotonic()
        with log.open("wb") as written:
            process = subprocess.Popen(
                list(step.command),
                cwd=ROOT,
                env=self.environment | {"ESTIBENCH_SECONDS": f"{limit:.0f}"},
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                stopped = not _wait(process, limit, GRACE)
            except BaseException:
                _kill(process)  # it has a session of its own, so that Ctrl-C does not reach it
                raise
        text = log.read_text(encoding="utf-8", errors="replace")
        code = process.returncode
        status = "stopped" if stopped or code == 3 else "failed" if code else "passed"
        failures = sorted({found[1].strip()[:300] for found in FAILED.finditer(text)})
        if status == "failed" and not failures:
            failures = [line[:300] for line in text.strip().splitlines()[-3:]]
        return Outcome(step.name, status, round(time.monotonic() - begin, 1), code, failures)


def _wait(process: subprocess.Popen[bytes], limit: float, grace: float) -> bool:
    """Whether it ended within its limit. Else it is interrupted, and killed with all that it started after a while."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(limit)
        return True
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(grace / 2)
    _kill(process)
    return False


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End it and whatever it has started, where that has not ended by itself."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _markdown(device: str, steps: list[Outcome]) -> str:
    lines = [f"# On the device `{device}`", "", "| step | | seconds | failures |", "|---|---|---|---|"]
    lines += [f"| {one.name} | {one.status} | {one.seconds:.0f} | {len(one.failures)} |" for one in steps]
    for one in steps:
        if one.failures:
            lines += ["", f"## {one.name}", "", "```", *one.failures, "```"]
    return "\n".join(lines) + "\n"


def _pack(out: Path) -> None:
    """`out.tar.gz`: all of OUT but what was installed and the draws themselves."""
    archive = out / "out.tar.gz"
    partial = out / "out.tar.gz.partial"
    with tarfile.open(partial, "w:gz") as tar:
        for path in sorted(out.rglob("*")):
            inside = path.relative_to(out)
            if path.is_file() and not path.name.startswith("out.tar.gz") and not set(inside.parts) & set(LEFT_OUT):
                tar.add(path, inside.as_posix(), recursive=False)
    partial.replace(archive)


def steps(device: str, out: Path) -> list[Step]:
    """What there is to do, in order: what is short and what everything else rests on comes first."""
    python = sys.executable
    marked = sorted({str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py") if _is_marked(path)})
    conformance = "tests/testing/test_on_device.py"
    workers = min(WORKERS, os.cpu_count() or 1)
    parallel = ["-n", str(workers)] if workers > 1 and _has_xdist(python) else []
    pytest = [python, "-m", "pytest", "-v", "--tb=short", "-p", "no:cacheprovider", "-m", "cuda"]
    bench = [python, "-m", "estibench"]
    found = [
        Step("machine", [python, str(HERE / "machine.py"), str(out / "machine.json")], 30),
        Step("tests", [*pytest, *(path for path in marked if path != conformance)], 70),
        Step("clock", [*bench, "selftest", "--quick", "--device", device, "-o", str(out / "runs/clock")], 40),
    ]
    limits = {"divergence": 90, "trace": 50, "compile": 70, "tf32": 30}
    limits |= {"score_gradient": 45, "discrete": 40, "ode_gradient": 35}
    for name in SUITES:
        command = [python, str(HERE / "measure.py"), str(HERE / f"{name}_short.yaml"), device, str(out / "runs" / name)]
        found.append(Step(name, command, limits[name]))
    return [*found, Step("conformance", [*pytest, *parallel, conformance], 100)]


def _is_marked(path: Path) -> bool:
    return "mark.cuda" in path.read_text(encoding="utf-8")


def _has_xdist(python: str) -> bool:
    return subprocess.run([python, "-c", "import xdist"], check=False, capture_output=True).returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="what to measure on: cuda, xpu, mps; cpu for a rehearsal")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "cuda", help="folder of all that it leaves")
    parser.add_argument("--limit", type=float, default=480, help="seconds for everything together")
    parser.add_argument("--only", nargs="+", metavar="STEP", help="these steps and no others")
    parser.add_argument("--fresh", action="store_true", help="begin anew: what was done before is thrown away")
    given = parser.parse_args()
    if given.fresh and (given.out / "summary.json").exists():
        shutil.rmtree(given.out)
    signal.signal(signal.SIGTERM, _stop)
    errand = Errand(given.out.resolve(), given.device, given.limit)
    errand.install()
    for step in steps(given.device, errand.out):
        if not given.only or step.name in given.only:
            errand.do(step)
    errand.write_down()
    print(f"{errand.out / 'summary.md'}, and everything in {errand.out / 'out.tar.gz'}")
    return int(any(one.status != "passed" for one in errand.outcomes.values()))


if __name__ == "__main__":
    raise SystemExit(main())
