"""What a Python file imports, read without running it."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

BY_NAME = {"import_module", "__import__", "resolve_name"}  # calls that import what a string names
BY_OTHER_MEANS = {"exec_module", "load_module", "run_module", "run_path", "spec_from_file_location"}
ANYTHING = {"eval", "exec"}  # built in; a method of such a name, as of a torch module, is another matter
_PLACE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(:[A-Za-z_]\w*)?")


@dataclass
class Reading:
    """The imports of one file, those inside functions included, those for type checkers only left out.

    Attributes:
        imports: absolute names of modules, each with the names that are taken from it; none for `import module`.
        unreadable: whether it imports what only a run can tell: by a computed name, from a path, by `exec`.
        lazy: whether it has a module's `__getattr__` that does so.
        bound: names at the top level, which `from … import` finds without `__getattr__`.
        typed: names that it imports for type checkers only, with their modules: what `__getattr__` will find.
        places: texts that may name a module.
    """

    imports: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    unreadable: bool = False
    lazy: bool = False
    bound: set[str] = field(default_factory=set)
    typed: dict[str, str] = field(default_factory=dict)
    places: set[str] = field(default_factory=set)


@lru_cache(maxsize=1024)
def read_imports(source: bytes, module: str, is_package: bool) -> Reading:
    """Read the source of a module. One that is no Python, which nobody can import, is `unreadable`.

    The same source is read once in a process, however many runs there are.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return Reading(unreadable=True)
    reader = _Reader(module if is_package else module.rpartition(".")[0])
    reader.visit(tree)
    reader.found.bound = set(_bound(tree.body))
    return reader.found


class _Reader(ast.NodeVisitor):
    """Args: package: that relative imports start from."""

    def __init__(self, package: str) -> None:
        self.found = Reading()
        self._package = package
        self._loads = BY_NAME | BY_OTHER_MEANS  # names under which a file knows them
        self._lazily = False
        self._depth = 0

    def visit_Import(self, node: ast.Import) -> None:
        self.found.imports += [(alias.name, ()) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        names = tuple(alias.name for alias in node.names)
        self._loads |= {alias.asname for alias in node.names if alias.asname and alias.name in self._loads}
        module = self._absolute(node)
        if module:
            self.found.imports.append((module, names))

    def visit_If(self, node: ast.If) -> None:
        if _name(node.test) != "TYPE_CHECKING":
            self.generic_visit(node)
            return
        for one in (inner for inner in node.body if isinstance(inner, ast.ImportFrom)):
            self.found.typed |= {alias.asname or alias.name: self._absolute(one) for alias in one.names}
        for other in node.orelse:
            self.visit(other)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outer, self._lazily = self._lazily, self._lazily or (self._depth == 0 and node.name == "__getattr__")
        self._inside(node)
        self._lazily = outer

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._inside(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._inside(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = _name(node.func)
        literal = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        if name in self._loads - BY_OTHER_MEANS and isinstance(literal, str):
            self._import_by_name(literal, node)
            return
        if isinstance(node.func, ast.Name) and name in ANYTHING:
            self._cannot_read()
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if node.id in self._loads:
            self._cannot_read()

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr in self._loads:
            self._cannot_read()
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and _PLACE.fullmatch(node.value):
            self.found.places.add(node.value.partition(":")[0])

    def _inside(self, node: ast.AST) -> None:
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1

    def _cannot_read(self) -> None:
        if self._lazily:
            self.found.lazy = True
        else:
            self.found.unreadable = True

    def _import_by_name(self, text: str, node: ast.Call) -> None:
        name = text.partition(":")[0]
        anchor = _name(node.args[1]) if len(node.args) > 1 else next((_name(k.value) for k in node.keywords), "")
        if name.startswith(".") and anchor == "__package__":
            name = importlib.util.resolve_name(name, self._package)
        if name.startswith("."):
            self._cannot_read()
            return
        self.found.imports.append((name, ()))

    def _absolute(self, node: ast.ImportFrom) -> str:
        """The module that names are taken from; empty where dots lead out of the package, which cannot be run."""
        try:
            return importlib.util.resolve_name("." * node.level + (node.module or ""), self._package)
        except ImportError:
            return ""


def _name(node: ast.AST) -> str:
    """`x` of `x` and of `a.b.x`."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _bound(body: Iterable[ast.stmt]) -> Iterable[str]:
    """Names that statements bind at their own level."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.If) and _name(node.test) == "TYPE_CHECKING":
            yield from _bound(node.orelse)
        else:
            inner = (one for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store))
            yield from (one.id for one in inner)
            for part in ("body", "orelse", "finalbody"):
                yield from _bound(getattr(node, part, ()))
            yield from _bound(inner for handler in getattr(node, "handlers", ()) for inner in handler.body)
