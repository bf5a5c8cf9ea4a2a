"""An HTTP/1.1 transport for httpx that stamps every socket read before anyone looks at it.

Belongs here: sockets, stamps, HTTP framing. Does not: what the body means. One request at a time on each
connection; no redirects, compression or retries.
"""

import asyncio
import socket
import ssl
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Self

import httpx

from pipeline.collect.transport import clock
from pipeline.collect.transport.clock import WallClock
from pipeline.collect.transport.connection import Connection
from pipeline.collect.transport.pauses import Eased
from pipeline.collect.transport.proxy import Proxy, proxy_for, tunnel
from pipeline.collect.transport.racing import first_connected
from pipeline.collect.transport.recording import BODY_LIMIT, HEAD_LIMIT, Recording
from pipeline.collect.transport.request import body, head, post
from pipeline.collect.transport.tls import shaken_hands

__all__ = ["BODY_LIMIT", "HEAD_LIMIT", "Recording", "RequestFailed", "StampedTransport", "post"]

Origin = tuple[str, str, int]


class RequestFailed(httpx.TransportError):
    """The response did not end as HTTP says it should; the `Recording` tells how."""


class _Stored(httpx.AsyncByteStream):
    """A body that is here already, in the pieces that it came in."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


class StampedTransport(httpx.AsyncBaseTransport):
    """Sends requests whose `extensions["recording"]` is a `Recording`, and fills that.

    Responses are returned whole. `verify` defaults to the certificates that httpx trusts (`SSL_CERT_FILE`
    and `SSL_CERT_DIR` are respected). With `reuses` a connection that a response left open carries the next
    request. `sent_by` counts what stamped the requests themselves.
    """

    def __init__(self, verify: ssl.SSLContext | None = None, *, reuses: bool = True) -> None:
        self._reuses = reuses
        self.wall = WallClock()
        self._stamping = clock.keeping()
        self._eased = Eased()
        self._tls = verify
        self._idle: dict[Origin, list[Connection]] = defaultdict(list)
        self.sent_by = {"kernel": 0, "user": 0}
        self._proxies: dict[Origin, Proxy | None] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request and wait for the end of its response.

        Raises `httpx.ConnectError` when no connection could be made and `RequestFailed` when the response
        broke off; in both cases, and on cancellation, the recording holds what there was.
        """
        recording: Recording = request.extensions["recording"]
        scheme, host = request.url.scheme, request.url.host
        origin = (scheme, host, request.url.port or (443 if scheme == "https" else 80))
        content = await body(request)
        connection, via = await self._connection(origin, recording)
        over = connection.send(recording, head(request, via if scheme == "http" else None) + content)
        try:
            await over
        except asyncio.CancelledError:
            connection.give_up()
            raise
        finally:
            self.sent_by["kernel" if recording.is_sent_stamped else "user"] += 1
        if not self._reuses:
            connection.close()
        elif not connection.is_closed:
            self._idle[origin].append(connection)
        if recording.outcome != "ended":
            raise RequestFailed(recording.error or recording.outcome)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in recording.headers]
        return httpx.Response(recording.status or 0, headers=headers, stream=_Stored(recording.payloads))

    async def _connection(self, origin: Origin, recording: Recording) -> tuple[Connection, Proxy | None]:
        """An idle connection or a new one, and the proxy that it goes through."""
        idle = self._idle[origin]
        while idle:
            connection = idle.pop()
            if not connection.is_closed and connection.is_quiet():
                recording.is_connection_reused = True
                return connection, self._proxy(origin)
        recording.is_connection_reused = False
        try:
            via = self._proxy(origin)
            return await self._open(origin, via, recording), via
        except (OSError, UnicodeError) as error:  # the latter of a name that no address book can hold
            recording.outcome = "not_connected"
            recording.error = f"{origin[1]}:{origin[2]}: {error}"
            raise httpx.ConnectError(recording.error) from error

    def _proxy(self, origin: Origin) -> Proxy | None:
        """The proxy for an origin; the environment is asked once, for that takes longer than a request."""
        if origin not in self._proxies:
            self._proxies[origin] = proxy_for(origin[0], origin[1])
        return self._proxies[origin]

    async def _open(self, origin: Origin, via: Proxy | None, recording: Recording) -> Connection:
        """Open a connection phase by phase: DNS, TCP (and the proxy's tunnel), TLS, each timed.

        TCP lasts until an address has answered: what others took that did not is of it, for a client waits as long.
        """
        scheme, host, port = origin
        started = recording.connect_started_ns = time.monotonic_ns()
        to = (via.host, via.port) if via else (host, port)
        addresses = await asyncio.get_running_loop().getaddrinfo(*to, type=socket.SOCK_STREAM)
        resolved = time.monotonic_ns()
        recording.dns_ns = resolved - started
        connected, tls = await first_connected(addresses), None
        try:
            if via and scheme == "https":
                await tunnel(connected, via, host, port)
            tunnelled = time.monotonic_ns()
            recording.tcp_ns = tunnelled - resolved
            if scheme == "https":
                self._tls = self._tls or httpx.create_ssl_context()
                tls = await shaken_hands(connected, self._tls, host)
                recording.tls_ns = time.monotonic_ns() - tunnelled
        except BaseException:
            connected.close()
            raise
        return Connection(connected, self.wall, tls)

    async def __aenter__(self) -> Self:
        """Until `aclose` the garbage collector's pauses are rare."""
        self._eased.open()
        return self

    async def aclose(self) -> None:
        """Close idle connections, and ask for stamps no more."""
        self._eased.close()
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()
        self._stamping.close()
