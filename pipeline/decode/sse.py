"""Server-sent events from bytes, by the WHATWG rules, as the reads come in.

Framing only: what the data means is a dialect's business. How a stream was cut into reads never changes
which events come out, only which read completes them. `id` and `retry` serve reconnecting and are ignored.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

import msgspec

_BOM = b"\xef\xbb\xbf"


class Event(msgspec.Struct, frozen=True, gc=False):
    """One dispatched event: its type, `message` unless named, and its data as it came (not yet decoded)."""

    type: str
    data: bytes


class Parser:
    """Feed it reads, one at a time or many; it returns the events that each of them completes.

    Line ends become LF on the way in. A CR is a line end by itself, so an event closed by one is dispatched
    at once; an LF that then opens the next read is the second half of a CRLF and is dropped.
    """

    def __init__(self) -> None:
        self._pending: list[bytes] = []
        self._last = b""
        self._is_start = True
        self._is_after_cr = False

    def feed(self, *reads: bytes) -> list[tuple[int, Event]]:
        """Take the next reads of a body; return the events complete with them, each with its read's position."""
        texts, self._is_after_cr = with_lf_only(reads, is_after_cr=self._is_after_cr)
        fresh = b"".join(texts)
        self._pending.append(fresh)
        if b"\n\n" not in self._last + fresh:
            self._last = fresh[-1:] or self._last
            return []
        text = self._unfinished()
        self._is_start = False
        *blocks, rest = text.split(b"\n\n")
        self._pending, self._last = [rest], rest[-1:]
        cuts = list(accumulate(map(len, texts), initial=len(text) - len(fresh)))[1:]
        ends = accumulate([len(block) + 2 for block in blocks])
        found = zip(ends, map(event_of, blocks), strict=True)
        return [(bisect_left(cuts, end), event) for end, event in found if event]

    @property
    def tail(self) -> bytes:
        """The event that the stream broke off in, line ends as LF; empty when nothing was left unfinished."""
        block = self._unfinished()
        has_data = any(line.partition(b":")[0] == b"data" for line in block.split(b"\n"))
        return block if has_data or self._last != b"\n" else b""

    def _unfinished(self) -> bytes:
        text = b"".join(self._pending)
        return text.removeprefix(_BOM) if self._is_start else text


def with_lf_only(reads: Sequence[bytes], *, is_after_cr: bool = False) -> tuple[Sequence[bytes], bool]:
    """Turn the line ends of consecutive reads into LF; say as well whether the last of them ended in a CR."""
    if not is_after_cr and not any(b"\r" in read for read in reads):
        return reads, False
    cleaned = []
    for read in reads:
        is_second_half = is_after_cr and read[:1] == b"\n"
        cleaned.append(read[is_second_half:].replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
        is_after_cr = read[-1:] == b"\r" if read else is_after_cr
    return cleaned, is_after_cr


def event_of(block: bytes) -> Event | None:
    """Read the lines between two blank lines; None where no `data` line is among them."""
    if block.startswith(b"data: ") and 0x0A not in block:
        return Event("message", block[6:])
    event_type, data = b"", []
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif name == b"event":
            event_type = value.removeprefix(b" ")
    if not data:
        return None
    return Event(event_type.decode("utf-8", "replace") or "message", b"\n".join(data))
