"""Files that a run has written and somebody may delete while it goes on: a plugin, a tidy colleague."""

from __future__ import annotations

from pathlib import Path

from estibench.results.files import write_whole


class Guard:
    """Remembers what it has written into a run's directory, and writes it again where it is gone.

    Attributes:
        news: one line for each file that was made anew, until somebody has told the user.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._texts: dict[str, str] = {}
        self.news: list[str] = []

    def write(self, name: str, text: str) -> None:
        """Write a file, whole or not at all. Raises `UserError` when that fails."""
        write_whole(self._directory / name, text)
        self._texts[name] = text

    def restore(self) -> None:
        """Make anew what has been deleted. Raises `UserError` when that fails."""
        for name, text in self._texts.items():
            path = self._directory / name
            if not path.exists():
                self.report(path)
                write_whole(path, text)

    def report(self, path: Path) -> None:
        """Say that a file has been deleted and is made anew."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self.news.append(f"{path}: was deleted while the suite was running; it is made anew, nothing is lost")

    def take_news(self) -> list[str]:
        """The lines since this was last asked."""
        found, self.news = self.news, []
        return found
