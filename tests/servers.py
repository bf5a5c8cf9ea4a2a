"""A raw TCP server that answers each request by a script: what goes over the wire is exactly what stands there."""

import re
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests import streams

Script = list[bytes | float | None]
"""Bytes are written, numbers are seconds of waiting, None resets the connection."""

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"


def chunked(*parts: bytes, head: bytes = HEAD) -> Script:
    """A complete chunked response, one write a part."""
    body = [b"%x\r\n%s\r\n" % (len(part), part) for part in parts]
    return [head + b"transfer-encoding: chunked\r\n\r\n", *body, b"0\r\n\r\n"]


HELLO = chunked(
    streams.chunk(""), streams.chunk("Hello"), streams.chunk(" you", "stop"), streams.USAGE, streams.DONE
)
"""A short chat stream that ends well."""


@dataclass
class Served:
    """Where the server is, the requests that it got, and those of them that it answered to the end."""

    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    answered: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def secure_url(self) -> str:
        return f"https://localhost:{self.port}/v1"


@contextmanager
def serving(script: Script | Callable[[int], Script], tls: ssl.SSLContext | None = None) -> Iterator[Served]:
    """Serve `script` (or `script(n)` for the n-th request) until the block ends."""
    served, over = Served(), threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            served.connections += 1
            self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                if tls:
                    self.request = tls.wrap_socket(self.request, server_side=True)
                while (request := _read_request(self.request)) and not over.is_set():
                    served.requests.append(request)
                    steps = script(len(served.requests) - 1) if callable(script) else script
                    if not _play(self.request, steps, over):
                        return
                    served.answered.append(request)
            except OSError:
                return
            finally:
                self.request.close()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Handler) as server:
        served.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield served
        finally:
            over.set()
            server.shutdown()
            thread.join()


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return b""
        data += more
    length = re.search(rb"content-length: (\d+)", data.lower())
    missing = (int(length[1]) if length else 0) - len(data.partition(b"\r\n\r\n")[2])
    while missing > 0:
        more = connection.recv(65536)
        data += more
        missing -= len(more)
    return data


def _play(connection: socket.socket, steps: Script, over: threading.Event) -> bool:
    """Answer; True where the connection may carry another request."""
    for step in steps:
        if step is None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            return False
        if isinstance(step, bytes):
            connection.sendall(step)
        elif over.wait(step):
            return False
    sent = b"".join(step for step in steps if isinstance(step, bytes)).lower()
    return b"content-length" in sent or b"chunked" in sent
