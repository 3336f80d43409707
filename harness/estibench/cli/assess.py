"""`bench assess`: your own model, from a file that the command line names."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

from estibench.errors import UserError, first_line


@click.command("assess", short_help="Which estimator to use for your own model.")
@click.argument("task")
@click.argument("source", metavar="FILE:FUNCTION")
@click.option(
    "--seconds", type=click.FloatRange(min=0, min_open=True), default=60.0, show_default=True, help="The time."
)
@click.option("--memory", metavar="SIZE", help="What one call may take, as in 2GB; default half of what is free.")
@click.option("--target", type=click.FloatRange(min=0, min_open=True), help="The relative error to be reached.")
@click.option("--budget", type=click.FloatRange(min=0, min_open=True), help="What one estimate may spend.")
@click.option("--by", type=click.Choice(["time", "work"]), default="time", show_default=True, help="What is spent.")
@click.option("--estimator", multiple=True, metavar="NAME(…)", help='As in "hutchinson(probes=[1, 4])"; repeatable.')
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Directory; default results/runs/my_<task>.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
def assess_command(
    task: str,
    source: str,
    seconds: float,
    memory: str | None,
    target: float | None,
    budget: float | None,
    by: Literal["time", "work"],
    estimator: tuple[str, ...],
    output: Path | None,
    seed: int,
) -> None:
    """Measure the estimators of TASK on your own model and say which one to use.

    FUNCTION in the Python file FILE takes nothing and returns the objects that the task needs, by name; see
    `bench show TASK`. Naming a file here is what permits its code to run.

    \b
    Example:
      bench assess divergence my_flow.py:make --target 0.05 --seconds 60
    """
    from estibench.assessment import assess

    objects = call(source)
    found = assess(
        task,
        seconds=seconds,
        memory=memory,
        target=target,
        budget=budget,
        by=by,
        estimators=estimator or None,
        directory=output,
        seed=seed,
        **objects,
    )
    click.echo(str(found))
    raise SystemExit(found.exit_code)


def call(source: str) -> dict[str, Any]:
    """What the function of a file returns. Raises `UserError` with one line for whatever is wrong with either."""
    import importlib.util
    import sys

    place, colon, name = source.rpartition(":")
    path = Path(place)
    if not colon or path.suffix != ".py":
        raise UserError(f"{source}: expected FILE.py:FUNCTION")
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
        made = getattr(module, name)()
    except Exception as error:  # a user's file may fail in any way
        raise UserError(f"{source}: {type(error).__name__}: {first_line(error)}") from error
    if not isinstance(made, dict):
        raise UserError(f"{source}: expected a dict of objects by name, got {type(made).__name__}")
    return made
