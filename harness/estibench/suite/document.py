"""YAML as plain data that remembers where each key and value stands.

The text is composed into nodes and never constructed by tag: a tag that would build an object is an error here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from estibench.errors import UserError
from estibench.plain import printable

Trail = tuple[str | int, ...]
MAX_NODES = 100_000
_SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null")}


@dataclass
class Document:
    """A parsed file: `data`, and the line and column (from 1) of every trail that leads into it."""

    path: Path
    data: Any = None
    positions: dict[Trail, tuple[int, int]] = field(default_factory=dict)

    def locate(self, trail: Trail) -> str:
        """`file:line:col`, of the deepest known part of `trail`."""
        while trail and trail not in self.positions:
            trail = trail[:-1]
        line, column = self.positions.get(trail, (1, 1))
        return f"{self.path}:{line}:{column}"

    def complain(self, trail: Trail, message: str) -> str:
        """`file:line:col: path: message`, on one line whatever the file's words are."""
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in trail).lstrip(".")
        return f"{self.locate(trail)}: {printable(f'{path}: {message}' if path else message)}"


def parse(path: Path) -> Document:
    """Read a YAML file. Raises `UserError` with one line for anything that cannot be read."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    document = Document(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: cannot read: not UTF-8 text (byte {error.start})") from error
    yaml = YAML(typ="safe", pure=True)
    try:
        node = yaml.compose(text)
        if node is None:
            raise UserError(f"{path}:1:1: the file is empty")
        document.data = _Walk(document, yaml.constructor).value(node, ())
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise UserError(f"{where}: not valid YAML: {printable(error.problem or error.context)}") from error
    except RecursionError as error:
        raise UserError(f"{path}: not valid YAML: nested too deeply, or an alias contains itself") from error
    except (YAMLError, ValueError) as error:
        raise UserError(f"{path}: not valid YAML: {printable(str(error).splitlines()[0])}") from error
    return document


class _Walk:
    """Turns nodes into data and notes positions. Aliases expand, so the number of nodes is bounded."""

    def __init__(self, document: Document, constructor: Any) -> None:
        self.document = document
        self.constructor = constructor
        self.visited = 0

    def value(self, node: Any, trail: Trail) -> Any:
        self.visited += 1
        self.document.positions.setdefault(trail, (node.start_mark.line + 1, node.start_mark.column + 1))
        if self.visited > MAX_NODES:
            raise UserError(self.document.complain(trail, f"more than {MAX_NODES} values"))
        tag = str(node.tag)
        if node.id == "mapping" and tag == "tag:yaml.org,2002:map":
            return self.mapping(node, trail)
        if node.id == "sequence" and tag == "tag:yaml.org,2002:seq":
            return [self.value(item, (*trail, index)) for index, item in enumerate(node.value)]
        if node.id == "scalar" and tag in _SCALARS:
            return self.scalar(node, trail)
        raise UserError(self.document.complain(trail, f"the tag {tag!r} is not allowed: write plain values"))

    def scalar(self, node: Any, trail: Trail) -> Any:
        try:
            return self.constructor.construct_object(node)
        except Exception as error:  # an explicit tag (`!!int abc`) or a number of thousands of digits
            kind = str(node.tag).rpartition(":")[2]
            raise UserError(self.document.complain(trail, f"{str(node.value)[:40]!r} is not a valid {kind}")) from error

    def mapping(self, node: Any, trail: Trail) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line, column = key_node.start_mark.line + 1, key_node.start_mark.column + 1
            if key_node.id != "scalar":
                raise UserError(f"{self.document.path}:{line}:{column}: a key must be a plain word")
            key = str(key_node.value)
            inner = (*trail, key)
            if key in found:
                raise UserError(f"{self.document.path}:{line}:{column}: {printable(key)}: the key is given twice")
            self.document.positions[inner] = (line, column)
            found[key] = self.value(value_node, inner)
        return found
