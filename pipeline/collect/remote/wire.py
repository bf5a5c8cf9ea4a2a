"""What goes over the one connection: blocks one way, lines and parcels the other, beats and receipts in between."""

import io
import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, BinaryIO

import msgspec

from pipeline import trace
from pipeline.collect.remote.hearing import Hearing
from pipeline.plan import Name

PARCEL = "__tokenclock_parcel"
MESSAGE = "__dagster_pipes_version"
BEAT, STOP = b"\n", b"stop\n"
"""A beat goes both ways: who is heard is alive."""
_PIECE = 2**16


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a collection elsewhere is to do. `known`: runs of the night that lie at home.

    `pipes`: where Dagster Pipes finds its context and writes its messages; `assets`: the asset of each target, if
    there are any. The line counts as cut when nothing has come down it for `silence_s`. A beat is sent up it
    every `beat_s`.
    """

    plan: str
    plan_sha256: str
    night: str
    targets: list[Name]
    recorder: Name
    known: list[trace.Manifest]
    wait_s: float
    silence_s: float
    beat_s: float
    pipes: dict[str, str]
    assets: dict[str, str]


@dataclass(frozen=True)
class Coming:
    """A parcel is next on the wire."""

    number: int
    bytes: int


def block(content: bytes) -> bytes:
    """A block with its length in front."""
    return b"%d\n%s" % (len(content), content)


def read_block(descriptor: int) -> bytes:
    """The next block, and not a byte more: what follows is for others."""
    digits = b""
    while (digit := os.read(descriptor, 1)).isdigit():
        digits += digit
    content, count = b"", int(digits or b"0")
    while len(content) < count and (piece := os.read(descriptor, count - len(content))):
        content += piece
    return content


def receipt(number: int) -> bytes:
    """A parcel has come home and may be forgotten there."""
    return b"%d\n" % number


def heard(line: bytes) -> Mapping[str, Any] | Coming | None:
    """A line of the far side: a message of Pipes, a parcel to come, or neither, such as a greeting of its shell."""
    try:
        said = json.loads(line)
    except ValueError:
        return None
    if not isinstance(said, dict):
        return None
    if PARCEL in said:
        return Coming(**said[PARCEL])
    return said if MESSAGE in said else None


def log(text: str, level: str = "info") -> dict[str, Any]:
    """A line for the log, as Pipes says it."""
    return {MESSAGE: "0.1", "method": "log", "params": {"message": text, "level": level}}


class Voice(io.TextIOWrapper):
    """Our end of the line up: what one thread writes is never cut in two by another's."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(os.fdopen(descriptor, "wb"), "utf-8", line_buffering=True)
        self.alone = threading.RLock()

    def write(self, text: str) -> int:
        """Write, once nobody else does."""
        with self.alone:
            return super().write(text)


def take_stdout() -> Voice:
    """Our stdout for ourselves; whatever else prints in this process prints to stderr."""
    private = Voice(os.dup(sys.stdout.fileno()))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdout = private
    return private


@contextmanager
def beating(out: Voice, every_s: float) -> Iterator[None]:
    """Send a beat now and then, from a thread: it stops when this process is stopped, whatever the others do."""
    is_over = threading.Event()

    def beat() -> None:
        while not is_over.wait(every_s):
            try:
                out.write(BEAT.decode())
            except OSError:  # nobody listens any more: who reads stdin learns of it
                return

    thread = threading.Thread(target=beat, name="beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def send_parcel(out: Voice, number: int, file: BinaryIO) -> None:
    """Write a parcel after the line that announces it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    with out.alone:
        out.write(json.dumps({PARCEL: {"number": number, "bytes": size}}) + "\n")
        out.flush()
        while piece := file.read(_PIECE):
            out.buffer.write(piece)
        out.buffer.flush()


def receive_parcel(source: Hearing, coming: Coming, into: IO[bytes]) -> bool:
    """Copy a parcel off the wire; False where the line was cut in it."""
    left = coming.bytes
    while left and (piece := source.read(min(left, _PIECE))):
        into.write(piece)
        left -= len(piece)
    into.seek(0)
    return left == 0
