"""The journal of a run in progress: what began and what finished, each record under a checksum of its own.

Belongs here: the file's format. Does not: what becomes of a run (`pipeline.collect.store`). A piece that a killed
process, a full disk or a failing one left behind costs that piece alone: reading goes on at the next record.
"""

import struct
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from pipeline.collect.reads import Reads

_MARK = b"\xf5tc\n"
_HEAD = struct.Struct(">4sII")  # mark, length and CRC-32 of the content; the head's own CRC-32 comes behind it
_CHECK = struct.Struct(">I")
_HEAD_BYTES = _HEAD.size + _CHECK.size
_SCAN_BYTES = 2**16


class Started(msgspec.Struct, frozen=True, tag="started", array_like=True):
    """A request is about to be sent."""

    request_id: str


class Segment(msgspec.Struct, frozen=True, tag="segment", array_like=True):
    """Reads of a request that goes on, from `first_read` on; its row as it will be if nothing follows."""

    request: dict[str, Any]
    first_read: int
    reads: Reads


class Finished(msgspec.Struct, frozen=True, tag="finished", array_like=True):
    """A request that is over, as a row of `trace.REQUESTS` and columns of `trace.READS`, from `first_read` on."""

    request: dict[str, Any]
    reads: Reads
    first_read: int = 0


class Closed(msgspec.Struct, frozen=True, tag="closed", array_like=True):
    """The run itself is over; what is left is to seal it."""

    outcome: str
    error: str | None
    facts: dict[str, dict[str, Any]] = {}


Record = Started | Segment | Finished | Closed


@dataclass(frozen=True)
class Damage:
    """Bytes of a journal that are no record."""

    at: int
    bytes: int


class Journal:
    """A new journal, written by one process; its threads take turns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = 0
        self._turn = threading.Lock()

    def append(self, record: Record) -> None:
        """Hand a record to the system: from then on a killed process loses nothing of it. Raises `OSError`."""
        content = msgspec.msgpack.encode(record)
        head = _HEAD.pack(_MARK, len(content), zlib.crc32(content))
        with self._turn, self._path.open("ab", buffering=0) as file:
            if file.tell() > self._size:  # an append that failed left a piece of its record
                file.truncate(self._size)
            for data in (head, _CHECK.pack(zlib.crc32(head)), content):
                _write(file, data)
            self._size += _HEAD_BYTES + len(content)


def _write(file: BinaryIO, data: bytes) -> None:
    """Write all of it: a file without a buffer takes what the disk has room for, and says how much that was."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def records(journal: Path) -> Iterator[Record | Damage]:
    """Everything in a journal in the order of writing, one record in memory at a time."""
    if not journal.exists():
        return
    with journal.open("rb") as file:
        at, size = 0, journal.stat().st_size
        while at < size:
            content = _content(file, at)
            if content is None:
                end = _next_mark(file, at + 1, size)
                yield Damage(at, end - at)
            else:
                end = at + _HEAD_BYTES + len(content)
                yield msgspec.msgpack.decode(content, type=Record)
            at = end


def _content(file: BinaryIO, at: int) -> bytes | None:
    """The content of the record here; None where there is none, or not the one that was written."""
    file.seek(at)
    head = file.read(_HEAD_BYTES)
    if len(head) < _HEAD_BYTES or _CHECK.unpack(head[_HEAD.size :])[0] != zlib.crc32(head[: _HEAD.size]):
        return None
    mark, length, checksum = _HEAD.unpack(head[: _HEAD.size])
    content = file.read(length)
    return content if mark == _MARK and len(content) == length and zlib.crc32(content) == checksum else None


def _next_mark(file: BinaryIO, at: int, size: int) -> int:
    """Where the next record may begin; the end of the file where there is none."""
    while at < size:
        file.seek(at)
        piece = file.read(_SCAN_BYTES)
        if (found := piece.find(_MARK)) >= 0:
            return at + found
        at += max(1, len(piece) - len(_MARK) + 1)
    return size
