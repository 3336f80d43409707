"""The store: one JSON line per record, appended and synced. A kill loses at most the record being written.

Every line begins with a digest of its rest, so a torn or damaged record is found, reported and measured again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from estibench.errors import UserError
from estibench.plain import from_json, to_json

FILE = "cells.jsonl"
_HEAD, _MIDDLE = b'{"sum":"', b'",'
_DIGITS = 16


@dataclass(frozen=True)
class Record:
    """Something that is known of a cell.

    Attributes:
        key: of the cell; see `estibench.keys`.
        part: `"accuracy"`; `"ratio"` to the baseline's error; `"time"`.
        row: columns of the table.
        settings: digest of the settings that it depends on, beyond those in the key.
        after: what it builds upon: for a ratio the accuracy records of both, for times the interleaved run.
        draws: digest of the file of draws that belongs to it; empty without one.
        sum: digest of the record itself, its name; set by the store.
    """

    key: str
    part: str
    row: dict[str, Any]
    settings: str = ""
    after: tuple[str, ...] = ()
    draws: str = ""
    sum: str = field(default="", compare=False)


class Store:
    """The append-only records of a run. Later records of a key and part replace earlier ones."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE

    def append(self, *records: Record) -> list[str]:
        """Write records and wait until the disk has them. Returns their digests.

        Raises:
            UserError: the disk is full, or the like. What was stored before stays readable.
        """
        lines = [_line(record) for record in records]
        try:
            with self.path.open("ab", buffering=0) as file:  # a buffer would try again what has just failed
                whole = file.tell()
                rest = (b"" if self._ends_whole(whole) else b"\n") + b"".join(lines)
                try:
                    while rest:
                        rest = rest[file.write(rest) :]
                    os.fsync(file.fileno())
                except OSError:
                    os.ftruncate(file.fileno(), whole)
                    raise
        except OSError as error:
            raise UserError(f"{self.path}: cannot write: {error.strerror}; what was measured before is kept") from error
        return [_sum_of(line) for line in lines]

    def read(self) -> tuple[list[Record], list[int]]:
        """The records, oldest first, and the numbers of the damaged lines, from 1."""
        records, damaged = [], []
        try:
            with self.path.open("rb") as file:
                for number, line in enumerate(file, start=1):
                    record = _parse(line)
                    if record is not None:
                        records.append(record)
                    elif line.strip():
                        damaged.append(number)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise UserError(f"{self.path}: cannot read: {error.strerror}") from error
        return records, damaged

    def _ends_whole(self, size: int) -> bool:
        """Whether the last line is complete: a kill may have torn it."""
        if size == 0:
            return True
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"


def latest(records: Sequence[Record]) -> dict[tuple[str, str], Record]:
    """The last record of each key and part."""
    return {(record.key, record.part): record for record in records}


def _line(record: Record) -> bytes:
    data = {"key": record.key, "part": record.part, "row": record.row}
    data |= {"settings": record.settings, "after": list(record.after), "draws": record.draws}
    rest = to_json(data)[1:].encode() + b"\n"
    return _HEAD + _digest(rest) + _MIDDLE + rest


def _parse(line: bytes) -> Record | None:
    """The record of a line; None for a damaged one."""
    start = len(_HEAD) + _DIGITS + len(_MIDDLE)
    rest = line[start:]
    if line[:start] != _HEAD + _digest(rest) + _MIDDLE:
        return None
    try:
        data = from_json(b"{" + rest)
        fields = {name: data[name] for name in ("key", "part", "row", "settings", "draws")}
        return Record(**fields, after=tuple(data["after"]), sum=_sum_of(line))
    except (ValueError, KeyError, TypeError):
        return None


def _digest(rest: bytes) -> bytes:
    return hashlib.sha256(rest).hexdigest()[:_DIGITS].encode()


def _sum_of(line: bytes) -> str:
    return line[len(_HEAD) : len(_HEAD) + _DIGITS].decode()
