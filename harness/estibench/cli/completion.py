"""What a shell may complete: names of suites, of runs, and of what is registered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from click.shell_completion import CompletionItem


def suites(context: Any, parameter: Any, incomplete: str) -> list[CompletionItem]:
    """Known suites, then files."""
    from estibench.suite.lookup import known_suites

    return _or_files(known_suites(), incomplete)


def runs(context: Any, parameter: Any, incomplete: str) -> list[CompletionItem]:
    """Runs of this folder and published ones, then files."""
    from estibench.results.find import known_runs

    return _or_files(dict.fromkeys(path.name for path in known_runs()), incomplete)


def tasks(context: Any, parameter: Any, incomplete: str) -> list[CompletionItem]:
    """Registered tasks."""
    from estibench import host

    return [CompletionItem(entry.name) for entry in host.current().tasks if entry.name.startswith(incomplete)]


def _or_files(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    found = [CompletionItem(name) for name in names if name.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="file")]
