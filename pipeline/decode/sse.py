"""Server-sent events from bytes, by the WHATWG rules, as the reads come in.

Framing only: what the data means is a dialect's business. How a stream was cut into reads never changes
which events come out, only which read completes them. `id` and `retry` serve reconnecting and are ignored.
"""

from bisect import bisect_left
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
        texts = self._with_lf_only(reads)
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
        found = zip(ends, map(_event, blocks), strict=True)
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

    def _with_lf_only(self, reads: tuple[bytes, ...]) -> tuple[bytes, ...]:
        if not self._is_after_cr and not any(b"\r" in read for read in reads):
            return reads
        return tuple(map(self._cleaned, reads))

    def _cleaned(self, read: bytes) -> bytes:
        if not read:
            return read
        is_second_half = self._is_after_cr and read[0] == 0x0A
        self._is_after_cr = read[-1] == 0x0D
        return read[is_second_half:].replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _event(block: bytes) -> Event | None:
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
