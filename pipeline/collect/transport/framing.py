"""HTTP/1.1 framing of one response: status, headers, body bytes, and whether it is over."""

import httptools

from pipeline.collect.transport.recording import Recording

_HEAD_END = b"\r\n\r\n"


class Response:
    """The callbacks that httptools calls while it takes one response apart."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.is_over = False
        self.keeps_alive = False
        self.has_headers = False
        self.is_sized = False
        self._begins_with_head = True
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []

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
        self.has_headers = self.recording.status >= 200

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body, framing removed."""
        if not self.is_over:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Note the end."""
        if self.is_over:
            return
        if self.has_headers:
            self.is_over = True
            self.keeps_alive = self._parser.should_keep_alive()  # the parser forgets it after this call
        else:  # 1xx: the real response is still to come
            self.recording.headers.clear()

    def feed(self, data: bytes) -> bytes:
        """Take one read apart; return the part of it that is body. Raises `httptools.HttpParserError`."""
        self._begins_with_head = not self.has_headers
        self._parser.feed_data(data)
        if not self._body:
            return b""
        payload = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        return payload

    def broken(self, data: bytes) -> bytes:
        """Of a read that could not be taken apart: the body before the break, and all bytes from there on.

        A head that was read to its end is left out, as it is of any other read.
        """
        at = data.find(_HEAD_END) + len(_HEAD_END) if self.has_headers and self._begins_with_head else 0
        for piece in self._body:
            at = data.index(piece, at) + len(piece)
        return b"".join(self._body) + data[at:]
