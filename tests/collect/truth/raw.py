"""A client as plain as they come: bytes out, bytes in until the server ends or the response is over."""

import json
import socket
from contextlib import closing

from pipeline.collect.truth.child import HOST, Truth


def ask(truth: Truth, script: dict, name: str = "a", **more: str) -> bytes:
    """The request for a script."""
    lines = ["POST /v1/chat/completions HTTP/1.1", "host: truth", "content-length: 2"]
    lines += [f"x-truth-script: {json.dumps(script)}", f"x-truth-id: {name}"]
    lines += [f"{key}: {value}" for key, value in more.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n{}"


def connected(truth: Truth) -> socket.socket:
    connection = socket.create_connection((HOST, truth.port), timeout=20)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
    return connection


def response(truth: Truth, script: dict, name: str = "a") -> bytes:
    """Everything the server sends until it closes; asks it to close."""
    with closing(connected(truth)) as connection:
        connection.sendall(ask(truth, script, name, connection="close"))
        return rest(connection)


def rest(connection: socket.socket) -> bytes:
    """Everything until the end of the connection."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def until(connection: socket.socket, mark: bytes) -> bytes:
    """Everything up to a mark at the end."""
    data = b""
    while not data.endswith(mark):
        part = connection.recv(65536)
        assert part, f"closed before {mark!r}"
        data += part
    return data


def payload(answer: bytes) -> bytes:
    """The body of a chunked response."""
    body, parts = answer.partition(b"\r\n\r\n")[2], []
    while body:
        size, _, body = body.partition(b"\r\n")
        parts.append(body[: int(size, 16)])
        body = body[int(size, 16) + 2 :]
    return b"".join(parts)
