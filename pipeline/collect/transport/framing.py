"""HTTP/1.1 framing of one response: status, headers, body bytes, and whether it is over."""

import httptools

from pipeline.collect.transport.recording import HEAD_LIMIT, Recording

_HEAD_END = b"\r\n\r\n"


class Response:
    """The callbacks that httptools calls while it takes one response apart.

    `is_steady` from the end of the head to the end of the body: a read says no more than its piece of the body.
    """

    __slots__ = (
        "_feed",
        "_head_ended_in",
        "_head_tail",
        "_heads_ended",
        "_own",
        "_parser",
        "_pieces",
        "has_headers",
        "is_over",
        "is_sized",
        "is_steady",
        "keeps_alive",
        "on_body",
        "recording",
    )

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.is_over = self.keeps_alive = self.has_headers = self.is_sized = self.is_steady = False
        self._pieces: list[bytes] = []
        self._own = 0  # pieces that came before the response was over
        self._head_ended_in = -1
        self._heads_ended = 0  # in that read: interim ones are among them
        self._head_tail = b""  # what reads before it held of the mark at a head's end
        self.on_body = self._pieces.append  # a callback too, without a frame of its own
        self._parser = httptools.HttpResponseParser(self)
        self._feed = self._parser.feed_data

    def let_go(self) -> None:
        """Part from the parser, which holds this object: nothing is left then for the garbage collector to find."""
        del self._parser, self._feed

    def on_message_begin(self) -> None:
        """Bytes behind the response are nobody's: what they say is ignored, and the connection not used again."""
        if self.is_over:
            self.keeps_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        if self.is_over:
            return
        key = name.decode("latin-1").lower()
        self.is_sized |= key in ("content-length", "transfer-encoding")
        self.recording.headers.append((key, value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """Keep the status; an interim one is not the response's."""
        if self.is_over:
            return
        self.recording.status = self._parser.get_status_code()
        self.has_headers = self.is_steady = self.recording.status >= 200
        self._heads_ended = self._heads_ended + 1 if self._head_ended_in == self._reads_before else 1
        self._head_ended_in = self._reads_before

    def on_message_complete(self) -> None:
        """Note the end."""
        if self.is_over:
            return
        if self.has_headers:
            self.is_over, self.is_steady = True, False
            self._own = len(self._pieces)
            self.keeps_alive = self._parser.should_keep_alive()  # the parser forgets it after this call
        else:  # 1xx: the real response is still to come
            self.recording.headers.clear()

    def feed(self, data: bytes) -> bool:
        """Take one read apart and keep its part of the body; True where there is something to see to behind it.

        Raises `httptools.HttpParserError` and `httptools.HttpParserUpgrade`.
        """
        pieces, recording = self._pieces, self.recording
        self._feed(data)
        if not self.is_steady:
            return self._feed_edge(data)
        if len(pieces) == 1:
            payload = pieces.pop()
        else:
            payload = b"".join(pieces)
            pieces.clear()
        recording.payloads.append(payload)
        recording.body_bytes += len(payload)
        return recording.body_bytes > recording.look_at_bytes

    def _feed_edge(self, data: bytes) -> bool:
        """The same for a read that ended inside the head, or with the response."""
        self.keep(b"".join(self._pieces[: self._own]))
        self._pieces.clear()
        if not self.has_headers:
            self.recording.head_bytes += len(data)
            self._head_tail = (self._head_tail + data)[1 - len(_HEAD_END) :]
        return self.is_over or self.recording.head_bytes > HEAD_LIMIT

    def keep(self, payload: bytes) -> None:
        """Keep what a read held of the body."""
        self.recording.payloads.append(payload)
        self.recording.body_bytes += len(payload)

    @property
    def _reads_before(self) -> int:
        """Reads before the one that is being taken apart."""
        return self.recording.reads_taken + len(self.recording.payloads)

    @property
    def excess(self) -> str | None:
        """What there was too much of, if anything."""
        if self.recording.body_bytes > self.recording.body_limit:
            return f"body longer than {self.recording.body_limit} bytes"
        if self.recording.head_bytes > HEAD_LIMIT:
            return f"headers longer than {HEAD_LIMIT} bytes"
        return None

    def broken(self, data: bytes) -> bytes:
        """Of a read that could not be taken apart: the body before the break, and all bytes from there on.

        A head that was read to its end is left out, as it is of any other read.
        """
        at = self._body_at(data) if self._head_ended_in == self._reads_before else 0
        pieces = self._pieces[: self._own] if self.is_over else self._pieces
        for piece in pieces:
            at = data.index(piece, at) + len(piece)
        return b"".join(pieces) + data[at:]

    def _body_at(self, data: bytes) -> int:
        """Where the body begins in a read that ended a head: the mark at its end may have begun in reads before."""
        seen, at = self._head_tail + data, 0
        for _ in range(self._heads_ended):
            at = seen.index(_HEAD_END, at) + len(_HEAD_END)
        return at - len(self._head_tail)
