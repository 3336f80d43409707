"""Labels of components on the lines of a picture."""

from __future__ import annotations

import textwrap


def wrapped(label: str, width: int) -> list[str]:
    """A label as it is if it fits, else its name and then its parameters, broken between them."""
    if len(label) <= width:
        return [label]
    name, bracket, parameters = label.partition("(")
    lines = textwrap.wrap(parameters, width, break_long_words=False, break_on_hyphens=False)
    return [name + bracket, *lines]
