"""Responses that go wrong: one function a fault, named as the script names it.

Each takes the script's parameters: `events` (token events before it happens), `every_ms` (their distance),
`bytes` (how much of what is too much), `code`, `form`, `retry_after_s`, `location` (of an error status).
"""

import gzip
import http
from collections.abc import Callable
from typing import Any, Literal

from pipeline.collect.truth import chat
from pipeline.collect.truth.program import (
    CHUNKED,
    LAST_CHUNK,
    MS,
    SSE,
    Program,
    Write,
    chunk,
    plain,
    program,
    write,
)

HEAD = SSE + CHUNKED

Name = Literal[
    "never_a_byte", "close_before", "reset_before", "reset_after", "close_after", "half_close", "stall",
    "stall_in_event", "slow_drip", "truncated", "error_inside", "error_body", "oversized_headers",
    "oversized_body", "oversized_event", "invalid_utf8", "wrong_content_type", "not_a_stream", "compressed",
    "compressed_unsaid", "bad_chunk_size", "wrong_chunk_length", "short_content_length", "not_http",
    "extra_bytes", "interim", "empty", "endless", "endless_comments", "status",
]  # fmt: skip

Parameters = dict[str, Any]


def compiled(parameters: Parameters) -> Program:
    """The program of the fault that the script names."""
    fault: Callable[[Parameters], Program] = _FAULTS[parameters["fault"]]
    return fault(parameters)


def _begun(given: Parameters) -> list[Write]:
    """A stream that is well so far."""
    every = round(given["every_ms"] * MS)
    times = range(every, (given["events"] + 1) * every, every)
    writes = [write(at, chat.token(number)) for number, at in enumerate(times)]
    return [write(0, chat.ROLE, head=HEAD), *writes]


def _next_ns(given: Parameters) -> int:
    """When the write after the stream's beginning is due."""
    return (int(given["events"]) + 1) * int(given["every_ms"] * MS)


def _ended(given: Parameters, *events: bytes) -> Program:
    """The beginning, then these events and a proper end of the body."""
    return program([*_begun(given), write(_next_ns(given), *events, tail=LAST_CHUNK)])


def _broken(given: Parameters, raw: bytes) -> Program:
    """The beginning, then raw bytes where a chunk should be, then the end of the connection."""
    return program([*_begun(given), Write(_next_ns(given), raw)], "close")


def _stall_in_event(given: Parameters) -> Program:
    """Half an event, then silence."""
    piece = chunk(chat.token(0))
    return program([*_begun(given), Write(_next_ns(given), piece[: len(piece) // 2])], "hang")


def _slow_drip(given: Parameters) -> Program:
    """The whole response byte by byte."""
    stream = b"".join(row.data for row in _begun(given))
    whole = stream + write(0, chat.finish(), chat.usage(given["events"]), chat.DONE, tail=LAST_CHUNK).data
    every = round(given["every_ms"] * MS)
    dripped = [
        Write(number * every, whole[number : number + 1], _ends_at(whole, number)) for number in range(len(whole))
    ]
    return program(dripped)


def _ends_at(whole: bytes, number: int) -> tuple[int, ...]:
    """An event ends with this byte where it is the second of two line feeds."""
    return (1,) if whole[number - 1 : number + 1] == b"\n\n" else ()


def _oversized_headers(given: Parameters) -> Program:
    line = b"x-padding: " + b"p" * 1011 + b"\r\n"
    lines = line * (given["bytes"] // len(line) + 1)
    return program([Write(0, SSE + lines + CHUNKED), write(0, chat.token(0), tail=LAST_CHUNK)])


def _oversized_body(given: Parameters) -> Program:
    """Events in order, and far too many of them."""
    count = given["bytes"] // len(chat.token(0)) + 1
    pieces = [write(0, *(chat.token(at + number) for number in range(64))) for at in range(0, count, 64)]
    return program([*_begun({**given, "events": 0}), *pieces, Write(0, LAST_CHUNK)])


def _invalid_utf8(given: Parameters) -> Program:
    damaged = chat.token(0).replace(b"t000", b"\xff\xfe\xc3")
    return _ended(given, damaged, chat.finish(), chat.usage(given["events"] + 1), chat.DONE)


def _gzipped(given: Parameters, said: bytes) -> Program:
    events = [chat.ROLE, *(chat.token(number) for number in range(given["events"])), chat.finish(), chat.DONE]
    body = gzip.compress(b"".join(events), mtime=0)
    return program([Write(0, SSE + said + CHUNKED + chunk(body) + LAST_CHUNK)])


def _wrong_chunk_length(given: Parameters) -> Program:
    """A chunk that is longer than it says."""
    token = chat.token(0)
    return _broken(given, b"%x\r\n%s\r\n" % (len(token) - 7, token))


def _short_content_length(given: Parameters) -> Program:
    """A body that ends before its announced length."""
    head = SSE + b"content-length: %d\r\n\r\n" % (10 * given["bytes"])
    return program([Write(0, head + chat.token(0), (len(head) + len(chat.token(0)),))], "close")


def _extra_bytes(given: Parameters) -> Program:
    """A good response, and bytes nobody asked for behind it."""
    return program([*_good(given), Write(_next_ns(given), b"HTTP/1.1 200 OK\r\n")])


def _interim(given: Parameters) -> Program:
    """Early hints before the response itself."""
    return program([Write(0, b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"), *_good(given)])


def _good(given: Parameters) -> list[Write]:
    end = write(_next_ns(given), chat.finish(), chat.usage(given["events"]), chat.DONE, tail=LAST_CHUNK)
    return [*_begun(given), end]


def _endless(given: Parameters, event: bytes) -> Program:
    return program([*_begun(given), write(_next_ns(given), event)], "repeat")


def _status(given: Parameters) -> Program:
    """An error status with a body, perhaps with Retry-After or a place to go."""
    code = given["code"]
    phrase = http.HTTPStatus(code).phrase
    is_json = given["form"] == "json"
    body = chat.error(f"{code} {phrase}", code) if is_json else _PAGE
    more = [f"retry-after: {given['retry_after_s']:g}"] if given["retry_after_s"] is not None else []
    more += [f"location: {given['location']}"] if given["location"] is not None else []
    kind = "application/json" if is_json else "text/html; charset=utf-8"
    return program([Write(0, plain(f"{code} {phrase}", body, kind, *more))])


_PAGE = b"<!doctype html><title>Bad gateway</title><h1>Bad gateway</h1><p>The origin did not answer.</p>\n"


_FAULTS: dict[str, Callable[[Parameters], Program]] = {
    "never_a_byte": lambda _: program([], "hang"),
    "close_before": lambda _: program([], "close"),
    "reset_before": lambda _: program([], "reset"),
    "reset_after": lambda given: program(_begun(given), "reset"),
    "close_after": lambda given: program(_begun(given), "close"),
    "half_close": lambda given: program(_begun(given), "half_close"),
    "stall": lambda given: program(_begun(given), "hang"),
    "stall_in_event": _stall_in_event,
    "slow_drip": _slow_drip,
    "truncated": _ended,
    "error_inside": lambda given: _ended(given, b"data: " + chat.error("the engine died") + b"\n\n", chat.DONE),
    "error_body": lambda _: program([Write(0, plain("200 OK", chat.error("the engine died")))]),
    "oversized_headers": _oversized_headers,
    "oversized_body": _oversized_body,
    "oversized_event": lambda given: _ended(given, chat.delta("x" * given["bytes"]), chat.finish(), chat.DONE),
    "invalid_utf8": _invalid_utf8,
    "wrong_content_type": lambda _: program([Write(0, plain("200 OK", _PAGE, "text/html; charset=utf-8"))]),
    "not_a_stream": lambda given: program([Write(0, plain("200 OK", chat.whole(given["events"])))]),
    "compressed": lambda given: _gzipped(given, b"content-encoding: gzip\r\n"),
    "compressed_unsaid": lambda given: _gzipped(given, b""),
    "bad_chunk_size": lambda given: _broken(given, b"zz\r\n" + chat.token(0) + b"\r\n"),
    "wrong_chunk_length": _wrong_chunk_length,
    "short_content_length": _short_content_length,
    "not_http": lambda _: program([Write(0, b"SSH-2.0-OpenSSH_9.7\r\n")], "close"),
    "extra_bytes": _extra_bytes,
    "interim": _interim,
    "empty": lambda _: program([Write(0, HEAD + LAST_CHUNK)]),
    "endless": lambda given: _endless(given, chat.token(0)),
    "endless_comments": lambda given: _endless(given, b": ping\n\n"),
    "status": _status,
}
