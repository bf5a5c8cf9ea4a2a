"""The reads of a running request go to disk in segments, so that its length costs no memory.

Belongs here: what is taken of a recording, and when. Does not: how it is kept (`pipeline.collect.store`).
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from pipeline.collect import redaction
from pipeline.collect.journal import Segment
from pipeline.collect.reads import packed
from pipeline.collect.transport import Recording
from pipeline.collect.transport.recording import Columns

Keep = Callable[[Callable[[], Segment]], "Future[None]"]
"""Makes a segment in another thread and writes it; the future ends with what went wrong there."""


class Spool:
    """Takes the reads of one recording while it goes on.

    `row` is the request as it stands, for whoever finds the segments and no more. One segment is under way at a
    time: where the disk is slower than the stream, the loop waits for it and the server for us, so that memory is
    bounded all the same.
    """

    def __init__(
        self, recording: Recording, keep: Keep, row: Callable[[], dict[str, Any]], key: str | None
    ) -> None:
        self._recording, self._keep, self._row, self._key = recording, keep, row, key
        self._leave_bytes = redaction.longest(key)  # a key may begin in what is taken and end in what is to come
        self._under_way: Future[None] | None = None
        self.is_masked = False
        self.sent_ns: int | None = None
        self.first_stamps_ns: Sequence[int] = ()
        recording.spool_by(self)

    def __call__(self) -> bool:
        """Take all but the last reads; False where the disk takes no more."""
        if self._under_way is not None and self._under_way.exception() is not None:  # waits for it, too
            return False
        recording = self._recording
        if not recording.reads_taken:
            self.sent_ns, self.first_stamps_ns = recording.sent_ns, recording.stamps_ns[:2]
        masked = redaction.payloads(recording.payloads, self._key)
        self.is_masked |= masked is not recording.payloads
        recording.payloads = masked
        first, taken = recording.reads_taken, recording.take(self._leave_bytes)
        self._under_way = self._keep(partial(_segment, self._row(), first, taken, self.sent_ns or 0))
        return True

    async def over(self) -> None:
        """Wait for the last segment. Raises what kept one from being written."""
        self._recording.spool = None
        if self._under_way is not None:
            await asyncio.wrap_future(self._under_way)


def _segment(request: dict[str, Any], first_read: int, taken: Columns, sent_ns: int) -> Segment:
    return Segment(request, first_read, packed(taken, sent_ns))
