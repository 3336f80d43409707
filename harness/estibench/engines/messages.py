"""What a supervisor and its worker say to each other: a line of JSON, then bytes. Nothing is ever unpickled."""

from __future__ import annotations

from multiprocessing.connection import Connection
from typing import Any

from estibench.host.components import Component
from estibench.plain import from_json, to_json
from estibench.suite.plan import Block, Measurement


def pack(header: dict[str, Any], payload: bytes = b"") -> bytes:
    """One message."""
    return to_json(header).encode() + b"\n" + payload


def unpack(message: bytes) -> tuple[dict[str, Any], bytes]:
    """Undo `pack`. Raises `ValueError` for anything else."""
    head, _, payload = message.partition(b"\n")
    return from_json(head), payload


def send(connection: Connection, header: dict[str, Any]) -> None:
    """Send a message without bytes. Raises `OSError` when nobody is there."""
    connection.send_bytes(pack(header))


def receive(connection: Connection) -> dict[str, Any]:
    """The next message, without bytes. Raises `EOFError` when there is none to come, `ValueError` for nonsense."""
    return unpack(connection.recv_bytes())[0]


def block_from_plain(data: dict[str, Any]) -> Block:
    """Undo `dataclasses.asdict` of a block."""
    problem = Component(**data["problem"])
    estimators = tuple(Component(**one) for one in data["estimators"])
    return Block(**data | {"problem": problem, "estimators": estimators})


def measurement_to_message(found: Measurement) -> bytes:
    """A measurement without its block, which the other side knows."""
    header = {"cell": found.cell, "part": found.part, "row": found.row, "traceback": found.traceback}
    return pack(header, found.draws)


def measurement_from_message(message: bytes, block: Block) -> Measurement:
    """Undo `measurement_to_message`. Raises `ValueError` or `KeyError` for anything else."""
    header, draws = unpack(message)
    return Measurement(block, header["cell"], header["part"], header["row"], draws, header["traceback"])
