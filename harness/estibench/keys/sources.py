"""The sources that a module imports within plugins, transitively, and the roots of what it imports from elsewhere."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from estibench.keys.reading import Reading, read_imports

COMPILED = ("__pycache__", ".pyc")  # made from sources, and not always
HOST = "estibench"  # which the key knows by its measuring code


@dataclass(frozen=True)
class Imports:
    """What some modules import.

    Attributes:
        files: sources and data, by a name that is the same on every machine: `estibench_trace/hutchinson.py`.
        others: the first words of modules that are not followed.
        missing: modules that are imported and not there, as an optional one may be.
    """

    files: dict[str, Path]
    others: frozenset[str]
    missing: frozenset[str]


class Sources:
    """Follows imports. Each file is read once.

    A package's `__init__.py` is run by whoever imports a module below it, so it counts. So do the package's files that
    are no Python: data, compiled extensions, templates. A module that imports what cannot be read counts as its whole
    package.

    Args:
        plugins: packages, or modules that are no package, into which imports are followed.
        follows: whether they are followed into another one.
    """

    def __init__(self, plugins: Set[str], follows: Callable[[str], bool]) -> None:
        self._plugins = plugins
        self._follows = cache(lambda top: top in plugins or follows(top))
        self._readings: dict[str, Reading] = {}
        self.digests: dict[Path, str] = {}
        self._stamps: dict[Path, tuple[int, int]] = {}  # times and sizes when the files were read
        self._place = cache(_place)
        self._data = cache(_data)

    def reachable(self, modules: Iterable[str]) -> Imports:
        """All that these modules import, themselves included."""
        waiting, seen = list(modules), set[str]()
        files: dict[str, Path] = {}
        others, missing = set[str](), set[str]()
        while waiting:
            module = waiting.pop()
            top = _top(module)
            if module in seen or top in sys.stdlib_module_names or top == HOST:
                continue
            seen.add(module)
            if not self._follows(top):
                others.add(top)
                continue
            path = self.find(module)
            if path is None:
                missing.add(module)
                continue
            waiting += [module.rpartition(".")[0]] if "." in module else []
            files |= self._data(top)
            if path.is_file():
                folder = module.replace(".", "/")
                files[f"{folder}/{path.name}" if path.name == "__init__.py" else f"{folder}.py"] = path
                waiting += self._imported(module, path)
        return Imports(dict(sorted(files.items())), frozenset(others), frozenset(missing))

    def find(self, module: str) -> Path | None:
        """The file of a module, or the folder of a package without `__init__.py`; nothing is imported to find out."""
        top, *rest = module.split(".")
        for place in self._place(top):
            path = place.joinpath(*rest)
            as_module = [path.parent / f"{path.name}.py"] if rest else []
            for one in (path / "__init__.py", *as_module, path):
                if one.is_file() or (one is path and path.is_dir()):
                    return one
        return None

    def digest(self, path: Path) -> str:
        """Of the content of a file, which is remembered with its time and size."""
        if path not in self.digests:
            self._stamps[path] = stamp(path)
            self.digests[path] = digest_of(path)
        return self.digests[path]

    def has_changed(self, path: Path) -> bool:
        """Whether the file is another one than was read. One that was only touched is not."""
        now = stamp(path)
        if now == self._stamps.get(path):
            return False
        if digest_of(path) != self.digests.get(path):
            return True
        self._stamps[path] = now
        return False

    def read(self, module: str, path: Path) -> Reading:
        """What a file imports."""
        if module not in self._readings:
            self._readings[module] = read_imports(path.read_bytes(), module, path.name == "__init__.py")
        return self._readings[module]

    def _imported(self, module: str, path: Path) -> Iterator[str]:
        reading = self.read(module, path)
        for name, taken in reading.imports:
            yield name
            if self._is_followed(name):
                yield from self._taken(name, taken)
        if reading.unreadable:
            yield from self._modules(_top(module))
            yield from self._named(reading)

    def _taken(self, module: str, names: tuple[str, ...]) -> Iterator[str]:
        """Modules behind `from module import names`; without names, behind whatever may be looked up in it."""
        path = self.find(module)
        reading = self.read(module, path) if path is not None and path.is_file() else Reading()
        for name in names or ("*",):
            if name != "*" and self.find(f"{module}.{name}") is not None:
                yield f"{module}.{name}"
            elif name in reading.bound or not reading.lazy:
                continue
            elif name in reading.typed:
                yield reading.typed[name]
            else:
                yield from reading.typed.values()
                yield from self._named(reading)
                if not reading.typed and not any(self._named(reading)):
                    yield from self._modules(_top(module))

    def _named(self, reading: Reading) -> Iterator[str]:
        """Modules of plugins that a file's texts name."""
        of_plugins = (name for name in sorted(reading.places) if _top(name) in self._plugins)
        return (name for name in of_plugins if self.find(name) is not None)

    def _is_followed(self, module: str) -> bool:
        top = _top(module)
        return top not in sys.stdlib_module_names and top != HOST and self._follows(top)

    def _modules(self, top: str) -> Iterator[str]:
        """Every module of a package."""
        for place in self._place(top):
            for path in visible_files(place) if place.is_dir() else ():
                if path.suffix == ".py":
                    parts = path.relative_to(place).with_suffix("").parts
                    yield ".".join((top, *parts)).removesuffix(".__init__")


def _data(top: str) -> dict[str, Path]:
    """The files of a package that are no Python."""
    found = {}
    for place in _place(top):
        for path in visible_files(place) if place.is_dir() else ():
            if path.suffix != ".py":
                found[f"{top}/{path.relative_to(place).as_posix()}"] = path
    return found


def _place(top: str) -> tuple[Path, ...]:
    """The folders of a package, or the file of a module."""
    try:
        spec = importlib.util.find_spec(top)
    except (ValueError, ImportError):
        return ()
    if spec is None:
        return ()
    if spec.submodule_search_locations is not None:
        return tuple(Path(folder) for folder in spec.submodule_search_locations)
    return (Path(spec.origin),) if spec.origin and Path(spec.origin).is_file() else ()


def visible_files(folder: Path) -> Iterator[Path]:
    """All files below a folder but hidden ones and compiled Python."""
    for file in sorted(folder.rglob("*")):
        parts = file.relative_to(folder).parts
        skipped = any(part.startswith(".") or part.endswith(COMPILED) for part in parts)
        if not skipped and file.is_file():
            yield file


def digest_of(path: Path) -> str:
    """16 hexadecimal digits of a file's SHA-256; empty where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError:
        return ""


def stamp(path: Path) -> tuple[int, int]:
    """Time and size."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def _top(module: str) -> str:
    return module.partition(".")[0]
