"""What a script comes down to: writes with due times, and how the response ends."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

MS = 1_000_000

SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"

Ending = Literal["keep", "close", "reset", "half_close", "hang", "repeat"]
"""After the last write: await the next request, FIN, RST, FIN one way only, nothing, or the last write again."""


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes of one send, due `at_ns` after the start; `ends` are the offsets in it after each event's last byte."""

    at_ns: int
    data: bytes
    ends: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Program:
    """A response as parallel columns of writes (see `Write`), so that the hot path indexes and nothing else.

    With `interval_ns` the start is put on a clock: the one all streams of this interval share where
    `is_aligned`, else one of its own, evenly spread among them. The first write is due at once all the same.
    """

    at_ns: tuple[int, ...]
    data: tuple[bytes, ...]
    ends: tuple[tuple[int, ...], ...]
    ending: Ending = "keep"
    interval_ns: int = 0
    is_aligned: bool = False

    def at(self, write: int) -> int:
        """When the write with this number is due after the start, repeated ones included."""
        last = len(self.at_ns) - 1
        if write <= last:
            return self.at_ns[write]
        return self.at_ns[last] + (write - last) * (self.at_ns[last] - self.at_ns[last - 1])


def program(
    writes: Iterable[Write], ending: Ending = "keep", interval_ns: int = 0, *, is_aligned: bool = False
) -> Program:
    """Lay writes out in columns."""
    rows = list(writes)
    return Program(
        tuple(row.at_ns for row in rows),
        tuple(row.data for row in rows),
        tuple(row.ends for row in rows),
        ending,
        interval_ns,
        is_aligned,
    )


def chunk(payload: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(payload), payload)


def write(at_ns: int, *events: bytes, head: bytes = b"", tail: bytes = b"") -> Write:
    """A write of whole events, each in a chunk of its own as servers send them, between raw bytes."""
    chunks = [chunk(event) for event in events]
    ends, at = [], len(head)
    for piece in chunks:
        at += len(piece)
        ends.append(at - 2)  # the chunk's own line end comes after the event
    return Write(at_ns, head + b"".join(chunks) + tail, tuple(ends))


def plain(status: str, body: bytes, content_type: str = "application/json", *more: str) -> bytes:
    """A whole response with a length."""
    lines = [f"HTTP/1.1 {status}", f"content-type: {content_type}", f"content-length: {len(body)}", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
