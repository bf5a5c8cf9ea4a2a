"""An HTTP/1.1 transport for httpx that stamps every socket read before anyone looks at it.

Belongs here: sockets, stamps, HTTP framing. Does not: what the body means. One request at a time on
each connection; the waiting task is woken once, when the response is over, never once a chunk.
"""

import asyncio
import ssl
import time
from collections import defaultdict
from collections.abc import AsyncIterable
from dataclasses import dataclass, field
from typing import Any

import httptools
import httpx

CLOCK_SOURCE = "user-space monotonic"
BODY_LIMIT = 64 * 2**20

Origin = tuple[str, str, int]


@dataclass(slots=True)
class Recording:
    """What the socket saw of one request. Times are `time.monotonic_ns()`."""

    connect_started_ns: int | None = None
    dns_ns: int | None = None
    tcp_ns: int | None = None
    tls_ns: int | None = None
    is_connection_reused: bool | None = None
    sent_ns: int | None = None
    stamps_ns: list[int] = field(default_factory=list)
    wire_bytes: list[int] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    body_bytes: int = 0
    end_ns: int | None = None
    outcome: str = "cancelled"
    error: str | None = None


class RequestFailed(httpx.TransportError):
    """The response did not end as HTTP says it should; the `Recording` tells how."""


class _Response:
    """The callbacks that httptools calls while it takes one response apart."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.parser = httptools.HttpResponseParser(self)
        self.body: list[bytes] = []
        self.is_over = False
        self.keeps_alive = False
        self.has_headers = False
        self.is_sized = False

    def on_header(self, name: bytes, value: bytes) -> None:
        key = name.decode("latin-1").lower()
        self.is_sized |= key in ("content-length", "transfer-encoding")
        self.recording.headers.append((key, value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        self.recording.status = self.parser.get_status_code()
        self.has_headers = self.recording.status >= 200

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        if self.has_headers:
            self.is_over = True
            self.keeps_alive = self.parser.should_keep_alive()  # the parser forgets it after this call
        else:  # 1xx: the real response is still to come
            self.recording.headers.clear()

    def feed(self, data: bytes) -> bytes:
        """Take one read apart; return the part of it that is body."""
        self.parser.feed_data(data)
        payload = b"".join(self.body)
        self.body.clear()
        return payload


class _Connection(asyncio.Protocol):
    """One socket. Stamp first, store second, take apart third."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.is_closed = False
        self.response: _Response | None = None
        self.over: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a stream transport by construction

    def data_received(self, data: bytes) -> None:
        stamp = time.monotonic_ns()
        response = self.response
        if response is None:  # bytes nobody asked for: this connection can no longer be trusted
            self.close()
            return
        recording = response.recording
        recording.stamps_ns.append(stamp)
        recording.wire_bytes.append(len(data))
        try:
            payload = response.feed(data)
        except httptools.HttpParserError as error:
            recording.payloads.append(data)
            self.finish("bad_framing", f"not HTTP/1.1 as announced: {error}")
            return
        recording.payloads.append(payload)
        recording.body_bytes += len(payload)
        if response.is_over:
            self.finish("ended")
        elif recording.body_bytes > BODY_LIMIT:
            self.finish("over_limit", f"body longer than {BODY_LIMIT} bytes")

    def eof_received(self) -> None:
        self.lost("the server closed the connection before the response was complete")

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = True
        self.lost(f"connection lost: {exc or 'closed'}")

    def lost(self, why: str) -> None:
        """The peer is gone: that ends a body without a length, and breaks off any other."""
        response = self.response
        if response is None:
            return
        if response.has_headers and not response.is_sized:
            self.finish("ended")
        else:
            self.finish("broken_off", why)

    def send(self, recording: Recording, head_and_body: bytes) -> asyncio.Future[None]:
        """Write a request; the future is done when its response is over, however it ended."""
        assert self.transport is not None  # noqa: S101 - set before a connection is handed out
        self.response = _Response(recording)
        self.over = asyncio.get_running_loop().create_future()
        recording.sent_ns = time.monotonic_ns()
        self.transport.write(head_and_body)
        return self.over

    def finish(self, outcome: str, error: str | None = None) -> None:
        """Close the books of the request in flight."""
        response, over = self.response, self.over
        if response is None or over is None:
            return
        recording = response.recording
        recording.outcome, recording.error = outcome, error
        recording.end_ns = (
            recording.stamps_ns[-1] if outcome == "ended" and recording.stamps_ns else time.monotonic_ns()
        )
        self.response = self.over = None
        if outcome != "ended" or not response.keeps_alive:
            self.close()
        if not over.done():
            over.set_result(None)

    def close(self) -> None:
        """Drop the connection at once."""
        self.is_closed = True
        if self.transport is not None:
            self.transport.abort()


class StampedTransport(httpx.AsyncBaseTransport):
    """Sends requests whose `extensions["recording"]` is a `Recording`, and fills that.

    Responses are returned whole. Redirects, compression and retries are not its business.
    """

    def __init__(self, verify: ssl.SSLContext | None = None) -> None:
        self._tls = verify
        self._idle: dict[Origin, list[_Connection]] = defaultdict(list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request and wait for the end of its response.

        Raises `httpx.ConnectError` when no connection could be made and `RequestFailed` when the
        response broke off; in both cases, and on cancellation, the recording holds what there was.
        """
        recording: Recording = request.extensions["recording"]
        origin = (request.url.scheme, request.url.host, request.url.port or _port(request.url.scheme))
        message = await _serialise(request)
        connection = await self._connect(origin, recording)
        over = connection.send(recording, message)
        try:
            await over
        finally:
            if not over.done() or over.cancelled():
                connection.finish("cancelled", "given up by us")
        if not connection.is_closed:
            self._idle[origin].append(connection)
        if recording.outcome != "ended":
            raise RequestFailed(recording.error or recording.outcome)
        return httpx.Response(
            recording.status or 0, headers=recording.headers, content=b"".join(recording.payloads)
        )

    async def _connect(self, origin: Origin, recording: Recording) -> _Connection:
        idle = self._idle[origin]
        while idle:
            connection = idle.pop()
            if not connection.is_closed:
                recording.is_connection_reused = True
                return connection
        recording.is_connection_reused = False
        try:
            return await self._open(origin, recording)
        except OSError as error:
            recording.outcome, recording.error = "not_connected", f"{origin[1]}:{origin[2]}: {error}"
            raise httpx.ConnectError(recording.error) from error

    async def _open(self, origin: Origin, recording: Recording) -> _Connection:
        """Open a connection phase by phase: DNS, TCP, TLS, each timed."""
        scheme, host, port = origin
        loop = asyncio.get_running_loop()
        started = recording.connect_started_ns = time.monotonic_ns()
        addresses = await loop.getaddrinfo(host, port, type=1)
        resolved = time.monotonic_ns()
        recording.dns_ns = resolved - started
        connection = await _first_answering(addresses)
        connected = time.monotonic_ns()
        recording.tcp_ns = connected - resolved
        if scheme == "https":
            assert connection.transport is not None  # noqa: S101 - connection_made has been called
            context = self._tls or httpx.create_ssl_context()
            self._tls = context
            transport = await loop.start_tls(connection.transport, connection, context, server_hostname=host)
            connection.transport = transport
            recording.tls_ns = time.monotonic_ns() - connected
        return connection

    async def aclose(self) -> None:
        """Close idle connections."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()


def _port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


async def _first_answering(addresses: list[Any]) -> _Connection:
    """Connect to the first address that answers."""
    loop = asyncio.get_running_loop()
    failure: OSError = OSError("the name has no address")
    for _family, _type, _proto, _name, address in addresses:
        try:
            _, connection = await loop.create_connection(_Connection, address[0], address[1])
        except OSError as error:
            failure = error
        else:
            return connection
    raise failure


async def _serialise(request: httpx.Request) -> bytes:
    """The request as HTTP/1.1 bytes, head and body in one piece so that one write sends it."""
    assert isinstance(request.stream, AsyncIterable)  # noqa: S101 - httpx.AsyncClient makes no other
    body = b"".join([part async for part in request.stream])
    lines = [request.method.encode() + b" " + request.url.raw_path + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in request.headers.raw]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
