"""`bench recommend`: which estimator to use, as finished runs say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from estibench.cli.completion import tasks
from estibench.cli.screen import screen
from estibench.errors import UserError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from estibench.analysis.advice import Question, Source

PLAIN_WIDTH = 160  # columns where there is no terminal to ask


@click.command("recommend", short_help="Which estimator to use at a dimension and a budget.")
@click.argument("task", shell_complete=tasks)
@click.option("--dim", type=click.FloatRange(min=0, min_open=True), help="Dimension of your problem.")
@click.option(
    "--budget",
    type=click.FloatRange(min=0, min_open=True),
    help="What may be spent, on averages of estimates; without it, the unbiased estimator of least MSE × cost.",
)
@click.option("--by", type=click.Choice(["work", "time"]), default="work", show_default=True, help="What is spent.")
@click.option("--device", help="Only evidence from this device, such as cpu.")
@click.option("--dtype", help="Only evidence from this dtype, such as float32.")
@click.option(
    "--between",
    nargs=2,
    metavar="ONE OTHER",
    help="Only say from which dimension one of two estimators costs more than the other, in --by.",
)
@click.option("--run", "given", multiple=True, type=click.Path(path_type=Path), help="Ask these runs only.")
@click.option("--json", "as_json", is_flag=True, help="The whole answer as JSON.")
def recommend_command(
    task: str,
    dim: float | None,
    budget: float | None,
    by: Any,
    device: str | None,
    dtype: str | None,
    between: tuple[str, str] | None,
    given: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Say which estimator to use for TASK, such as trace, at a dimension and a budget.

    Asks the runs in results/runs and results/published, of each suite the newest. Work is in the task's unit (matvecs,
    evaluations, …), time in seconds. The answer comes with its evidence and its limits.

    Of a task of training: whose models are best, at equal steps and at equal time.

    With --between exact hutchinson --by time: from which dimension the exact method takes longer, on each device.
    """
    from estibench.analysis.advice import Question, advise
    from estibench.exports.advice_text import print_advice, to_json

    sources = _sources(task, given)
    question = Question(task, budget, by, dim, device, dtype)
    for name, value in (("device", device), ("dtype", dtype)):
        known = {str(one) for source in sources for one in source.frame.loc[source.frame["task"] == task, name]}
        if value is not None and value not in known:
            raise UserError(f"--{name}: no run of the task {task!r} has {value!r}{did_you_mean(value, known)}")
    if between:
        _print_turns(sources, question, between, as_json)
        return
    if _print_training(sources, question, as_json):
        return
    advice = advise(sources, question)
    if as_json:
        click.echo(to_json(advice, sources))
        return
    print_advice(advice, sources, screen(PLAIN_WIDTH))


def _print_training(sources: Sequence[Source], question: Question, as_json: bool) -> bool:
    """Who makes the better model, where the task is one of training; returns whether it is.

    Raises:
        UserError: a budget, for nobody averages training runs.
    """
    from estibench.analysis.training import By, of_training, races
    from estibench.exports.answer import problem_names
    from estibench.exports.contests import measured
    from estibench.exports.summary import print_table
    from estibench.exports.training import training_in_words, training_table
    from estibench.plain import to_json

    runs = [(source, measured(source.frame[source.frame["task"] == question.task])) for source in sources]
    runs = [(source, _only(cells, question)) for source, cells in runs if of_training(cells)]
    if not runs:
        return False
    if question.budget is not None:
        raise UserError(f"--budget: estimates of {question.task!r} are training runs, which nobody averages")
    if as_json:
        ways: tuple[By, ...] = ("steps", "time")
        found = [race for source, cells in runs for by in ways for race in races(cells, by, source.confidence)]
        click.echo(to_json([race.plain() for race in found]))
        return True
    for source, cells in runs:
        for text in training_in_words(cells, problem_names(cells), source.confidence):
            click.echo(f"{text[0].upper()}{text[1:]}.")
        print_table(training_table(cells, question.task, source.confidence), screen(PLAIN_WIDTH))
        click.echo(f"Evidence from {source.name}.")
    return True


def _only(cells: pd.DataFrame, question: Question) -> pd.DataFrame:
    """Those on the device and in the dtype that are asked about."""
    for name in ("device", "dtype"):
        wanted = getattr(question, name)
        cells = cells if wanted is None else cells[cells[name] == wanted]
    return cells


def _print_turns(sources: Sequence[Source], question: Question, between: tuple[str, str], as_json: bool) -> None:
    """Where the costs of two estimators cross, by problem, device and dtype.

    Raises:
        UserError: a name that no run has.
    """
    from dataclasses import asdict

    from estibench.exports.turns import turns

    lines, known, found = [], set[str](), []
    for source in sources:
        frame = source.frame[source.frame["task"] == question.task]
        frame = _only(frame, question)
        known |= {str(one) for name in ("estimator_name", "family", "estimator") for one in frame[name]}
        for turn in turns(frame, question.by, between, source.confidence):
            found.append({"source": source.name, **asdict(turn)})
            lines.append(f"{turn.problem} [{turn.device}, {turn.dtype}]: {turn.text}")
    for name in between:
        if name not in known:
            raise UserError(f"--between: no run of the task {question.task!r} has {name!r}{did_you_mean(name, known)}")
    if as_json:
        from estibench.plain import to_json

        click.echo(to_json(found))
        return
    asked = f"Which costs less {question.by} for one estimate, by dimension:"
    click.echo(asked if lines else "No problem was measured with both in two dimensions.")
    for line in dict.fromkeys(lines):
        click.echo(f"  {line}")


def _sources(task: str, given: Sequence[Path]) -> list[Source]:
    """The runs that measured the task, of each suite the newest unless they are given.

    Raises:
        UserError: there are none.
    """
    from estibench.analysis.advice import Source
    from estibench.results import Results
    from estibench.results.find import find_run, known_runs, tasks_of
    from estibench.results.run_directory import read_about

    places = [find_run(run) for run in given] or list(known_runs())
    tasks = {place: tasks_of(place) for place in places}
    known = {name for names in tasks.values() for name in names}
    if not known:
        raise UserError("no finished run was found in results/runs or results/published; measure one: bench run trace")
    if task not in known:
        raise UserError(f"no run has measured the task {task!r}{did_you_mean(task, known)}")
    newest: dict[str, tuple[str, Path]] = {}
    for place in places:
        if task in tasks[place]:
            about = read_about(place)
            key = str(place) if given else str(about["suite"])
            newest[key] = max(newest.get(key, ("", place)), (str(about["started"]), place), key=lambda one: one[0])
    found = [Results.read(place) for _, place in newest.values()]
    return [Source(str(one.directory), one.frame, one.confidence, one.about) for one in found]
