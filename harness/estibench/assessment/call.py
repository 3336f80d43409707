"""One call, one answer: a user's own model under the estimators of a task."""

from __future__ import annotations

import inspect
import re
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from estibench import host as plugin_host
from estibench.assessment.answer import Assessment, Wish
from estibench.assessment.engine import HurriedEngine
from estibench.assessment.live import known
from estibench.errors import UserError, plainly
from estibench.host import Host
from estibench.host.components import checked_objects, own_of
from estibench.measure.device import pinned
from estibench.measure.globals import untouched
from estibench.measure.limits import Limits
from estibench.results.run_directory import Results
from estibench.results.store import Store
from estibench.runs import session as sessions
from estibench.suite import read_suite

TRUTH = 0.25  # of the seconds: what the truth may take …
RATE = 5e9  # … at so many operations a second, which any machine of today makes
DRAWS = (16, 512)
ROUNDS = 7
SUITE = "assess.yaml"
BUSY = 0.5  # of a processor: with less, the time that was given went to others
MEMORY = 0.5  # of what the machine has free: what one call may take
UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


@plainly
def assess(
    task: str,
    *,
    seconds: float = 60.0,
    memory: int | str | None = None,
    target: float | None = None,
    budget: float | None = None,
    by: Literal["time", "work"] = "time",
    estimators: Sequence[Any] | None = None,
    name: str | None = None,
    directory: str | Path | None = None,
    seed: int = 0,
    **objects: Any,
) -> Assessment:
    """Which estimator to use for your own model: `assess("divergence", field=net, points=x)`.

    Your objects are copied and never changed. What was measured before, for the same objects, is not measured again.

    Args:
        task: what is to be estimated; `bench show TASK` says which objects it takes.
        seconds: how long it may take. What there is no time for is left out, and its row says so; the end is overrun by
            one call of an estimator at most, beside the imports and the truth.
        memory: how much one call may take, in bytes or as in `"2GB"`; default: half of what the machine has free.
        target: the error that one estimate should reach: its RMSE over the norm of the truth.
        budget: what one estimate may spend, in `by`.
        by: `time`, in seconds, or `work`, in the task's unit.
        estimators: names with values (`"hutchinson(probes=[1, 4])"`), mappings as in a suite, or objects; default: a
            ladder for the task.
        name: of the problem in tables and of the run; default `my_<task>`.
        directory: where the run is kept; default `results/runs/<name>`.
        objects: what the task takes, by name.

    Raises:
        UserError: the task is not known, takes no objects, or something cannot be measured; in one line.

    Example:
        >>> import estibench, torch
        >>> net, x = torch.nn.Linear(3, 3), torch.randn(5, 3)
        >>> found = estibench.assess("divergence", field=net, points=x)  # doctest: +SKIP
        >>> print(found)  # doctest: +SKIP
    """
    start, had = time.perf_counter(), time.process_time()
    if by not in ("time", "work"):
        raise UserError(f"by: expected time or work, got {by!r}")
    for what, value in (("seconds", seconds), ("target", target), ("budget", budget)):
        if value is not None and not (isinstance(value, int | float) and value > 0):
            raise UserError(f"{what}: expected a positive number, got {value!r}")
    allowed = allowed_memory(memory)
    host = plugin_host.current()
    own = own_of(host, task)
    if own is None:
        able = [entry.name for entry in host.tasks if entry.load().own]
        raise UserError(f"the task {task!r} takes no objects of yours; these do: {', '.join(able)}")
    called = name or f"my_{task}"
    place = sessions.RUNS / called if directory is None else Path(directory)
    with untouched(), pinned(torch.get_num_threads()), torch.enable_grad():
        made = own.make(**checked_objects(own.make, objects, f"assess({task!r})", _arguments()))
        problem = made if own.within is None else own.within(made, TRUTH * seconds * RATE, allowed)
        given = own.ladder(problem) if estimators is None else estimators
        with known(host, task, called, objects, problem, given) as written:
            engine = HurriedEngine(Limits(start + seconds, allowed))
            stopped = _measure(host, called, place, _suite(called, written, problem, seconds, seed), engine)
    caution = own.caution(problem) if own.caution is not None else ""
    busy = _busy(time.perf_counter() - start, time.process_time() - had) if problem.device == "cpu" else ""
    notes = tuple(filter(None, (caution, stopped, busy)))
    subject = str(getattr(getattr(problem, "own", None), "name", "function"))
    return Assessment(Results.read(place), task, own, subject, Wish(target, budget, by), notes)


def _arguments() -> list[str]:
    """The names of what `assess` takes besides objects."""
    return [one.name for one in inspect.signature(assess).parameters.values() if one.kind is one.KEYWORD_ONLY]


def _busy(seconds: float, had: float) -> str:
    """A word on a machine that others use, where that may be why little was measured."""
    if had >= BUSY * seconds:
        return ""
    return f"The machine is busy: of {seconds:.0f} s this process had {had:.0f} s of a processor, so times may be off."


def allowed_memory(given: int | str | None) -> int:
    """Bytes. Raises `UserError` for anything but a positive number, a text with a unit, or nothing."""
    if given is None:
        import psutil

        free = int(MEMORY * psutil.virtual_memory().available)
        return 1 << (free.bit_length() - 1)  # a power of two: the same for every call but on a machine that fills up
    found = re.fullmatch(r"\s*([0-9.eE+]+)\s*([a-zA-Z]*)\s*", str(given))
    try:
        size = float(found[1]) * UNITS[found[2].lower()] if found else 0.0
    except (KeyError, ValueError):
        size = 0.0
    if isinstance(given, bool) or not 1 <= size < 2**62:
        raise UserError(f"memory: expected bytes, or a text such as '2GB', got {given!r}")
    return int(size)


def _measure(host: Host, name: str, place: Path, text: str, engine: HurriedEngine) -> str:
    """Run the suite that asks for it; returns why it ended early, or nothing."""
    sessions.claim_directory(place, name)
    suite = place / SUITE
    suite.write_text(text, encoding="utf-8")
    plan = read_suite(suite, host)
    with sessions.opened(host, plan, place, engine, retry=True) as session:
        try:
            for _ in session.execute(lambda line: warnings.warn(line, stacklevel=3)):
                pass
        except KeyboardInterrupt:
            if not Store(place).path.exists():
                raise  # there is nothing to keep
            return "Interrupted: the same call goes on from here."
    return ""


def _suite(name: str, estimators: list[Any], problem: Any, seconds: float, seed: int) -> str:
    """The suite that is measured, so that everything else in the house understands the run."""
    import io

    from ruamel.yaml import YAML

    text = io.StringIO()
    YAML(typ="safe").dump(
        {
            "name": name,
            "seed": seed,
            "precision": 0.1,
            "draws": {"min": DRAWS[0], "max": DRAWS[1]},
            "time_limit": float(seconds),
            "timing": {"rounds": ROUNDS},
            "devices": [problem.device],
            "dtypes": [problem.dtype],
            "problems": [name],
            "estimators": estimators,
        },
        text,
    )
    return text.getvalue()
