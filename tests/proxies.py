"""An HTTP proxy that knows every name to be this machine."""

import re
import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Proxying:
    port: int = 0
    refuses: bool = False
    heads: list[bytes] = field(default_factory=list)


@contextmanager
def tunnel() -> Iterator[Proxying]:
    """Serve CONNECT and absolute-form requests until the block ends."""
    this = Proxying()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            head = b""
            while b"\r\n\r\n" not in head:
                head += self.request.recv(65536)
            this.heads.append(head)
            if this.refuses:
                self.request.sendall(b"HTTP/1.1 403 no\r\ncontent-length: 0\r\n\r\n")
                return
            port = int(re.search(rb"provider.test:(\d+)", head)[1])
            with socket.create_connection(("127.0.0.1", port)) as origin:
                if head.startswith(b"CONNECT"):
                    self.request.sendall(b"HTTP/1.1 200 go\r\n\r\n")
                else:
                    origin.sendall(head)
                with suppress(OSError):
                    _pump(self.request, origin)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        this.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield this
        finally:
            server.shutdown()
            thread.join()


def _pump(one: socket.socket, other: socket.socket) -> None:
    while True:
        for source in select.select([one, other], [], [])[0]:
            data = source.recv(65536)
            if not data:
                return
            (other if source is one else one).sendall(data)
