"""HTTP/1.1 framing of one response: status, headers, body bytes, and whether it is over."""

import httptools

from pipeline.collect.transport.recording import Recording


class Response:
    """The callbacks that httptools calls while it takes one response apart."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.is_over = False
        self.keeps_alive = False
        self.has_headers = False
        self.is_sized = False
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        key = name.decode("latin-1").lower()
        self.is_sized |= key in ("content-length", "transfer-encoding")
        self.recording.headers.append((key, value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """Keep the status; an interim one is not the response's."""
        self.recording.status = self._parser.get_status_code()
        self.has_headers = self.recording.status >= 200

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body, framing removed."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Note the end."""
        if self.has_headers:
            self.is_over = True
            self.keeps_alive = self._parser.should_keep_alive()  # the parser forgets it after this call
        else:  # 1xx: the real response is still to come
            self.recording.headers.clear()

    def feed(self, data: bytes) -> bytes:
        """Take one read apart; return the part of it that is body. Raises `httptools.HttpParserError`."""
        self._parser.feed_data(data)
        if not self._body:
            return b""
        payload = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        return payload
