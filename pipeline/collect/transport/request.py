"""A request as bytes, and how one is made for little."""

from collections.abc import AsyncIterable, Mapping
from functools import lru_cache

import httpx

from pipeline.collect.transport.proxy import HEAD_END, Proxy
from pipeline.collect.transport.recording import Recording


async def body(request: httpx.Request) -> bytes:
    """The request's body, whole."""
    stream = request.stream
    if isinstance(stream, httpx.ByteStream):
        return b"".join(stream)
    assert isinstance(stream, AsyncIterable)  # noqa: S101 - httpx.AsyncClient makes no other
    return b"".join([part async for part in stream])


def post(url: str, headers: Mapping[str, str], content: bytes, recording: Recording) -> httpx.Request:
    """A request to record; `httpx.Request` by itself takes longer for an address than the rest for all of it."""
    to = _parsed(url)
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    raw = [(b"Host", to.netloc), *raw, (b"Content-Length", b"%d" % len(content))]
    stream = httpx.ByteStream(content)
    return httpx.Request("POST", to, headers=raw, stream=stream, extensions={"recording": recording})


@lru_cache(maxsize=64)
def _parsed(url: str) -> httpx.URL:
    return httpx.URL(url)


def head(request: httpx.Request, via: Proxy | None) -> bytes:
    """The request's head as HTTP/1.1 bytes; a proxy is told the whole address."""
    target = str(request.url).encode() if via else request.url.raw_path
    lines = [request.method.encode() + b" " + target + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in request.headers.raw]
    if via and via.authorization:
        lines.append(b"Proxy-Authorization: " + via.authorization)
    return b"\r\n".join(lines) + HEAD_END
