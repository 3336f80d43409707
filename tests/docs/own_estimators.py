"""The code that the pages of docs/tasks show under 'Write your own …', as classes.

A block is fenced as ```python, stands in a section whose heading begins with 'Write your own', and its first line is a
comment `# task: NAME`. It is complete: it runs as shown, and defines one estimator or one problem of that task. Other
blocks of such a section are pieces, and are left alone.
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from estibench import Estimator, Problem

TASKS = Path(__file__).parents[2] / "docs" / "tasks"
SECTION = re.compile(r"^#+ (Write your own[^\n]*)\n(.*?)(?=^#+ |\Z)", flags=re.DOTALL | re.MULTILINE)
FENCE = re.compile(r"^```python\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
TASK = re.compile(r"# task: (\w+)\n")
LONGEST = 15  # lines of an estimator: it must be read at a glance


@dataclass(frozen=True)
class Own:
    """A block. `line` is where its code begins on the page."""

    page: str
    line: int
    task: str
    code: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}:{self.task}"

    @property
    def length(self) -> int:
        """Lines of code, without imports, comments and blank ones."""
        lines = (line.strip() for line in self.code.splitlines())
        return sum(bool(line) and not line.startswith(("#", "import ", "from ")) for line in lines)

    def load(self) -> type[Estimator] | type[Problem]:
        """Run it; the one estimator or problem that it defines. Raises `ValueError` for none, or for more."""
        module = types.ModuleType(f"docs_{Path(self.page).stem}_{self.line}")
        sys.modules[module.__name__] = module  # dataclasses look their annotations up there
        exec(compile(self.code, f"docs/tasks/{self.page}", "exec"), vars(module))
        found = [
            thing
            for thing in vars(module).values()
            if isinstance(thing, type)
            and issubclass(thing, (Estimator, Problem))
            and thing.__module__ == module.__name__
        ]
        if len(found) != 1:
            raise ValueError(f"{self}: expected one estimator or problem, found {[one.__name__ for one in found]}")
        return found[0]


def blocks(page: Path) -> Iterator[Own]:
    """The blocks of a page."""
    text = page.read_text(encoding="utf-8")
    # Hashes within code are comments, not headings: blank them, character for character.
    headings = FENCE.sub(lambda fence: fence[0].replace("\n# ", "\n. "), text)
    for section in SECTION.finditer(headings):
        for fence in FENCE.finditer(text, section.start(2), section.end(2)):
            task = TASK.match(fence[1])
            if task:
                yield Own(page.name, text.count("\n", 0, fence.start(1)) + 1, task[1], fence[1])


def every_block() -> list[Own]:
    """The blocks of all pages of tasks."""
    return [own for page in sorted(TASKS.glob("*.md")) for own in blocks(page)]
