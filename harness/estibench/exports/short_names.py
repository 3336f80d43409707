"""Names of problems, short enough for a sentence: only what tells the problems of one run apart."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from estibench.analysis.curves import arguments


def short_names(labels: Sequence[str]) -> dict[str, str]:
    """A short name for every label, different ones for different labels.

    `matrix(spectrum=flat, dim=1024)` is `matrix flat` where nothing but the spectrum tells matrices apart, and `flat`
    where all problems are matrices. Parameters are dropped from the last to the first as long as no two labels become
    the same; words lose the name of their parameter, numbers keep it.
    """
    known = list(dict.fromkeys(labels))
    heads = {label: label.partition("(")[0] for label in known}
    parts = {label: _parameters(label) for label in known}
    for head in dict.fromkeys(heads.values()):
        some = [label for label in known if heads[label] == head]
        for name in list(dict.fromkeys(name for label in some for name in parts[label]))[::-1]:
            for change in (_without, _plain):
                tried = {label: change(parts[label], name) for label in some}
                if len({tuple(one.items()) for one in tried.values()}) == len(some):
                    parts |= tried
                    break
    alone = len(set(heads.values())) == 1
    words = {
        label: " ".join([*([] if alone and parts[label] else [heads[label]]), *_words(parts[label])]) for label in known
    }
    return words if len(set(words.values())) == len(known) else {label: label for label in known}


def listed(names: Sequence[str], room: int = 60) -> str:
    """Short names in a row of about so many characters: what begins alike is said once, `mlp dim=16/32/64`.

    Where there are more, their number.
    """
    shown = len(names)
    while shown > 1 and len(_merged(names[:shown])) > room:
        shown -= 1
    return _merged(names[:shown]) + (f" and {len(names) - shown} more" if shown < len(names) else "")


def _merged(names: Sequence[str]) -> str:
    found = []
    for head, some in groupby(names, key=_head):
        tails = [name.removeprefix(head) for name in some]
        found += [head + "/".join(tails)] if head else tails
    return ", ".join(found)


def _parameters(label: str) -> dict[str, str]:
    """Names and values of a label's parameters, in order."""
    _, bracket, inside = label.partition("(")
    found = arguments(inside.removesuffix(")")) if bracket else ()
    pairs = (part.partition("=") for part in found)
    return {name: value for name, _, value in pairs}


def _without(parameters: dict[str, str], name: str) -> dict[str, str]:
    return {one: value for one, value in parameters.items() if one != name}


def _plain(parameters: dict[str, str], name: str) -> dict[str, str]:
    """A component among the parameters without its own parameters."""
    return {one: value.partition("(")[0] if one == name else value for one, value in parameters.items()}


def _words(parameters: dict[str, str]) -> list[str]:
    return [
        value if value[:1].isalpha() and value not in ("True", "False") else f"{name}={value}"
        for name, value in parameters.items()
    ]


def _head(name: str) -> str:
    """All but the last word, or but the number of the last word."""
    head, space, last = name.rpartition(" ")
    parameter, equals, _ = last.partition("=")
    return head + space + (parameter + equals if equals else "")
