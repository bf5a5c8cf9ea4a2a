"""A JSON array that is sent piece by piece (Gemini without `alt=sse`): framing only.

Each object of the array is an event of type `item`, complete with the read that holds its last brace.
"""

import re
from bisect import bisect_left
from itertools import accumulate

from pipeline.decode.sse import Event

_START = re.compile(rb"\s*\[\s*\{")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|["{}\[\]]', re.DOTALL)


def is_one(body: bytes) -> bool:
    """Whether the body is an array of objects, or the start of one."""
    return _START.match(body) is not None


def cut(pieces: list[bytes]) -> list[tuple[int, Event]]:
    """Return the array's objects, each with the position of the read that completed it; the rest is dropped."""
    body, ends = b"".join(pieces), list(accumulate(map(len, pieces)))
    found: list[tuple[int, Event]] = []
    depth, start = 0, 0
    for match in _TOKEN.finditer(body):
        token = match[0]
        if token == b'"':  # a text without an end: what follows is not structure
            break
        if token in (b"{", b"["):
            depth += 1
            start = match.start() if depth == 2 else start
        elif token in (b"}", b"]"):
            depth -= 1
            if depth == 1:
                found.append((bisect_left(ends, match.end()), Event("item", body[start : match.end()])))
    return found
