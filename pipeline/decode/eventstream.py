"""Amazon's binary event stream (`application/vnd.amazon.eventstream`) from bytes: framing only.

A frame is: its size and that of its headers (32 bits each), a checksum of these two, headers, payload, a
checksum of everything before. An event's type is its `:event-type`; an exception's is `exception:<its name>`.
What fails its checksum becomes one last event of type `error`, because nothing behind it can be trusted.
"""

import json
import struct
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from zlib import crc32

from pipeline.decode.sse import Event

_PRELUDE = struct.Struct(">III")  # size of the frame, size of its headers, checksum of the two
_CHECKSUM = 4
_LEAST = _PRELUDE.size + _CHECKSUM
# Types of header values that have a fixed size: true, false, byte, short, integer, long, timestamp, UUID.
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
_BYTES, _STRING = 6, 7


def is_one(pieces: list[bytes]) -> bool:
    """Whether the body starts with a prelude that fits its checksum; no text starts with a zero byte."""
    if not pieces or pieces[0][:1] != b"\0":
        return False
    return _prelude(b"".join(pieces), 0) is not None


def cut(pieces: list[bytes]) -> list[tuple[int, Event]]:
    """Return the events, each with the position of the read that completed it; an unfinished frame is none."""
    ends = list(accumulate(map(len, pieces)))
    return [(bisect_left(ends, end), event) for end, event in _frames(b"".join(pieces))]


def _frames(body: bytes) -> Iterator[tuple[int, Event]]:
    start = 0
    while len(body) - start >= _PRELUDE.size:
        sizes = _prelude(body, start)
        if sizes is None:
            yield start + _PRELUDE.size, _corrupt(start)
            return
        end, headers_end = start + sizes[0], start + _PRELUDE.size + sizes[1]
        if end > len(body):
            return
        if crc32(body[start : end - _CHECKSUM]) != int.from_bytes(body[end - _CHECKSUM : end]):
            yield end, _corrupt(start)
            return
        headers = _headers(body[start + _PRELUDE.size : headers_end])
        yield end, _event(headers, body[headers_end : end - _CHECKSUM])
        start = end


def _prelude(body: bytes, start: int) -> tuple[int, int] | None:
    """Size of the frame at `start` and of its headers; None where the checksum or the sizes are impossible."""
    if len(body) - start < _PRELUDE.size:
        return None
    size, headers_size, checksum = _PRELUDE.unpack_from(body, start)
    is_sound = crc32(body[start : start + 8]) == checksum and size >= _LEAST + headers_size
    return (size, headers_size) if is_sound else None


def _headers(data: bytes) -> dict[str, str]:
    """The headers that are text; those behind one that breaks the rules are lost."""
    found: dict[str, str] = {}
    while data:
        name_end = 1 + data[0]
        name, kind, rest = data[1:name_end], data[name_end : name_end + 1], data[name_end + 1 :]
        if not kind or (kind[0] not in _SIZES and kind[0] not in (_BYTES, _STRING)):
            return found
        if kind[0] in _SIZES:
            data = rest[_SIZES[kind[0]] :]
            continue
        value_end = 2 + int.from_bytes(rest[:2])
        if kind[0] == _STRING:
            found[name.decode("utf-8", "replace")] = rest[2:value_end].decode("utf-8", "replace")
        data = rest[value_end:]
    return found


def _event(headers: dict[str, str], payload: bytes) -> Event:
    if exception := headers.get(":exception-type"):
        return Event(f"exception:{exception}", payload)
    if headers.get(":message-type") == "error":
        said = {"code": headers.get(":error-code"), "message": headers.get(":error-message")}
        return Event("error", json.dumps({"error": said}).encode())
    return Event(headers.get(":event-type") or "message", payload)


def _corrupt(start: int) -> Event:
    said = {"code": "checksum_mismatch", "message": f"the frame at byte {start} does not fit its checksum"}
    return Event("error", json.dumps({"error": said}).encode())
