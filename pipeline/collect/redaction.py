"""A key that comes back: servers echo it in error bodies and headers, and nothing that is kept may hold it.

This is the one place where recorded bytes are changed: the key's own, each by another, before anything is written.
Lengths, reads and stamps stay as they were.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import accumulate, pairwise
from pathlib import Path
from urllib.parse import quote, quote_plus

SHORTEST = 8
"""Something shorter is no secret, and would be found in innocent text."""

MASK = "[key masked]"
NOTE = "the response held the key that was sent; its bytes are masked in what was kept"


def payloads(pieces: list[bytes], key: str | None) -> list[bytes]:
    """The same pieces with the key masked, also where a cut runs through it; the very list where it is in none."""
    body = b"".join(pieces)
    masked = _masked(body, key)
    if masked == body:
        return pieces
    edges = accumulate(map(len, pieces), initial=0)
    return [masked[start:end] for start, end in pairwise(edges)]


def longest(key: str | None) -> int:
    """Bytes of the longest form that a key may be written in."""
    return max(map(len, forms(key)), default=0) if key else 0


def text(said: str, key: str | None) -> str:
    """A header's value, or what the transport said, with the key masked."""
    return _masked(said.encode("utf-8", "surrogateescape"), key).decode("utf-8", "surrogateescape")


@contextmanager
def masking(log: Path, key: str | None) -> Iterator[None]:
    """Mask the key in a log file once everything inside, which writes to it, is over."""
    try:
        yield
    finally:
        written = log.read_bytes() if key and log.exists() else b""
        if (masked := _masked(written, key)) != written:
            log.write_bytes(masked)


def _masked(body: bytes, key: str | None) -> bytes:
    for form in forms(key) if key else ():
        if form in body:
            body = body.replace(form, (MASK.encode() + b"*" * len(form))[: len(form)])
    return body


@cache
def forms(key: str) -> tuple[bytes, ...]:
    """How a key may be written: as it is, for URLs, in JSON, in hex, in base64 with whatever before it.

    Longer ones first, so that what is masked is masked whole.
    """
    if len(key) < SHORTEST:
        return ()
    plain = {
        key,
        quote(key, safe=""),
        quote_plus(key),
        json.dumps(key)[1:-1],
        json.dumps(key)[1:-1].replace("/", "\\/"),
    }
    written = {form.encode() for form in plain} | set(_base64(key.encode())) | set(_hex(key.encode()))
    return tuple(sorted(written, key=lambda form: (-len(form), form)))


def _hex(key: bytes) -> Iterator[bytes]:
    yield key.hex().encode()
    yield key.hex().upper().encode()


def _base64(key: bytes) -> Iterator[bytes]:
    """The part of the encoding that is the key's alone, whatever stands before and behind it."""
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(bytes(before) + key)
            begin = -(-before * 8 // 6)
            yield whole.rstrip(b"=")[begin : -1 if whole.endswith(b"=") else None]
