"""`bench list`, `bench show` and `bench plugins`: what there is."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Any

import click

from estibench import host as plugin_host
from estibench.cli.pairs import pairs
from estibench.cli.text import print_table
from estibench.errors import UserError, did_you_mean

PLURALS = {
    "tasks": "task",
    "densities": "density",
    "problems": "problem",
    "estimators": "estimator",
    "engines": "engine",
    "exporters": "exporter",
}


def _listable(context: Any, parameter: Any, incomplete: str) -> list[str]:
    names = [*PLURALS, "suites", *(entry.name for entry in plugin_host.current().tasks)]
    return [name for name in names if name.startswith(incomplete)]


@click.command("list", short_help="The tasks; of one, its problems and estimators; or all of a kind.")
@click.argument("what", metavar=f"[TASK|{'|'.join([*PLURALS, 'suites'])}]", required=False, shell_complete=_listable)
def list_command(what: str | None) -> None:
    """List the tasks, one line each. With a TASK: its problems and estimators. With a kind: all that is registered.

    \b
    Examples:
      bench list
      bench list divergence
      bench list densities
    """
    host = plugin_host.current()
    if what is None:
        print_table("tasks", [(entry.name, entry.summary, _numbers(entry.name)) for entry in host.tasks])
        click.echo("\nbench list TASK: its problems and estimators; bench list suites: what can be run as it is")
    elif what in PLURALS:
        registry = host.registries[PLURALS[what]]
        rows = [(entry.name, _tasks(entry), entry.summary, registry.origin(entry.name).source) for entry in registry]
        print_table(what, rows)
    elif what == "suites":
        from estibench.suite.lookup import known_suites

        print_table("suites", [(name, _title(path), str(path)) for name, path in known_suites().items()])
    elif what in host.tasks:
        click.echo(f"{what}: {host.tasks.get(what).summary}\n")
        for plural in ("problems", "estimators"):
            registry = host.registries[PLURALS[plural]]
            print_table(
                plural, [(entry.name, entry.summary) for entry in registry if what in _tasks(entry).split(", ")]
            )
        click.echo(f"\nbench show {what}: the estimand, and how to write your own; bench show NAME: of any of these")
    else:
        known = [*PLURALS, "suites", *(entry.name for entry in host.tasks)]
        raise UserError(f"{what}: neither a task nor a kind{did_you_mean(what, known)}")


def _numbers(task: str) -> str:
    """`4 problems, 9 estimators`."""
    host = plugin_host.current()
    found = {
        plural: sum(task in _tasks(entry).split(", ") for entry in host.registries[PLURALS[plural]])
        for plural in ("problems", "estimators")
    }
    return ", ".join(f"{number} {plural if number != 1 else plural[:-1]}" for plural, number in found.items())


def _title(path: Path) -> str:
    """The title of a suite, read without a parser: it must list fast, and whatever else is wrong with the file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    return next((line.removeprefix("title:").strip().strip("\"'") for line in lines if line.startswith("title:")), "")


@click.command("show", short_help="Documentation, parameters, claims and citation of a name.")
@click.argument("name")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Draw a 2-D density.")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="A parameter of the density that is drawn.")
def show_command(name: str, plot: Path | None, given: tuple[str, ...]) -> None:
    """Show a density, problem, estimator or engine: documentation, parameters, claims and citation.

    Of a task: the estimand, what its problems offer, what an estimate is, and the public names for authors.

    With --plot, a density in two dimensions is drawn into FILE (svg, png or pdf): contours, score, samples and modes.
    """
    host = plugin_host.current()
    found = [kind for kind, registry in host.registries.items() if name in registry]
    if not found:
        known = [entry.name for registry in host.registries.values() for entry in registry]
        raise UserError(f"nothing is registered as {name!r}{_or_list(did_you_mean(name, known))}")
    for kind in found:
        entry = host.registries[kind].get(name)
        click.echo(f"{kind} {name}: {entry.summary}")
        click.echo(f"from {host.registries[kind].origin(name).source}, {entry.target}")
        if kind == "task":
            from estibench.cli.contract_text import contract_text

            click.echo(contract_text(entry.load(), name))
        else:
            _show(entry.load())
    if plot is not None:
        click.echo(f"\ndrawn into {_draw(name, pairs('--set', given), plot)}")


def _draw(name: str, given: dict[str, Any], path: Path) -> Path:
    """The picture of a density. Raises `UserError` for what has none."""
    from estibench.exports.density_plot import draw_density
    from estibench.host.components import ParameterError, check_value, make, parameters_of

    host = plugin_host.current()
    if name not in host.densities:
        raise UserError(f"{name}: only densities are drawn; see `bench list densities`")
    known = parameters_of(host.densities.get(name).load())
    try:
        checked = {key: check_value(host, known[key], value) if key in known else value for key, value in given.items()}
        component = make(host, "density", name, checked)
        return draw_density(component.build(host), path, component.label)
    except ParameterError as error:
        place = f"{name}: {error.path[0]}: " if error.path else ""  # else the message names the density
        raise UserError(f"{place}{error.message}") from error
    except ValueError as error:
        raise UserError(f"{name}: {error}") from error


@click.command("plugins", short_help="List plugins: version, origin, hooks.")
def plugins_command() -> None:
    """List plugins with their version, origin and hooks. Exit code 1 when one is broken."""
    host = plugin_host.current()
    rows = []
    for plugin in host.plugins:
        state = f"not in use: {plugin.refused}" if plugin.refused else ", ".join(plugin.hooks)
        rows.append((plugin.name, plugin.source, plugin.origin, state))
    print_table("plugins", rows)
    if host.warnings:
        raise SystemExit(1)


def _or_list(hint: str) -> str:
    """The name that was meant, or where names are listed, for there are too many for one line."""
    return hint if hint.startswith("; did you mean") else "; see bench list"


def _tasks(entry: Any) -> str:
    """The tasks that a problem or an estimator is for."""
    return str(getattr(entry, "task", "")) or ", ".join(getattr(entry, "tasks", ()))


def _show(target: Any) -> None:
    """The documentation of a class or function."""
    click.echo()
    if not isinstance(target, type):
        click.echo(inspect.getdoc(target) or "")
        return
    from estibench.host.components import parameters_of

    click.echo(inspect.getdoc(target) or "(no documentation)")
    if not dataclasses.is_dataclass(target):
        return
    click.secho("\nParameters", bold=True)
    for parameter in parameters_of(target).values():
        default = "required" if parameter.required else f"default {parameter.default}"
        click.echo(f"  {parameter.name}: {parameter.described()}; {default}")
    claims = getattr(target, "claims", ())
    if claims:
        click.secho("\nClaims, tested in every run", bold=True)
        for claim in claims:
            click.echo(f"  {claim.title}")
    citation = getattr(target, "citation", "")
    if citation:
        click.secho("\nCitation", bold=True)
        click.echo(f"  {citation}")
