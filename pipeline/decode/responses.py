"""One response to its events: which framing its bytes have, and what each event says. The definition of both."""

import polars as pl

from pipeline.decode import errors, eventstream, json_array, lenient
from pipeline.decode.delta import Decode, Delta
from pipeline.decode.sse import Event, Parser

Located = tuple[int, Event]
"""An event and the position, in the list of reads, of the read that completed it."""


def said(found: list[Located], speak: Decode, http_status: int) -> list[Delta]:
    """What the events of one response say."""
    return [
        _body_error(event.data, http_status) if event.type == "body" else speak(event.type, event.data)
        for _, event in found
    ]


def _body_error(body: bytes, http_status: int) -> Delta:
    """What went wrong, where a body that is no stream says so in JSON; on a failed status any JSON does."""
    value = lenient.loads(body)
    failure = errors.find(value)
    if failure == errors.NONE and http_status >= 400 and value:
        failure = errors.describe(value, {})
    return Delta(error_code=failure.code, error_message=failure.message)


def dispatch(pieces: list[bytes], http_status: int, label: str | None) -> list[Located]:
    """Cut a response into events. The bytes decide whether it is a stream, not its label."""
    if not 200 <= http_status <= 299 or "html" in (label or ""):
        return _body(pieces)
    if eventstream.is_one(pieces):
        return eventstream.cut(pieces)
    if "ndjson" in (label or "") or "jsonl" in (label or ""):
        return _lines(pieces)
    return Parser().feed(*pieces) or _unframed(pieces, label)


def may_be_sse() -> pl.Expr:
    """Whether `dispatch` shows a row's body to the SSE parser, unless it starts with a zero byte."""
    label = pl.col("content_type").fill_null("")
    return pl.col("http_status").is_between(200, 299) & ~label.str.contains("html|ndjson|jsonl")


def are_lines() -> pl.Expr:
    """Whether `dispatch` takes a row's body for lines, unless it starts with a zero byte."""
    label = pl.col("content_type").fill_null("")
    return (
        pl.col("http_status").is_between(200, 299)
        & label.str.contains("ndjson|jsonl")
        & ~label.str.contains("html")
    )


def _unframed(pieces: list[bytes], label: str | None) -> list[Located]:
    """A body without one event in it: NDJSON, a JSON or HTML page, or a stream that broke off too early."""
    body = b"".join(pieces).strip()
    lines = [line.strip() for line in body.split(b"\n") if line.strip()]
    if len(lines) > 1 and all(line[:1] == b"{" and line[-1:] == b"}" for line in lines):
        return _lines(pieces)
    if json_array.is_one(body):
        return json_array.cut(pieces)
    is_stream = label is None or "event-stream" in label
    return [] if is_stream and body[:1] not in (b"{", b"[", b"<") else _body(pieces)


def _body(pieces: list[bytes]) -> list[Located]:
    body = b"".join(pieces)
    return [(len(pieces) - 1, Event("body", body))] if body.strip() else []


def _lines(pieces: list[bytes]) -> list[Located]:
    """Lines that are not blank, each with the read that ended it; the last needs no line end."""
    found: list[Located] = []
    rest = b""
    for read, piece in enumerate(pieces):
        *lines, rest = (rest + piece).split(b"\n")
        found += [(read, Event("line", line.strip())) for line in lines if line.strip()]
    return [*found, (len(pieces) - 1, Event("line", rest.strip()))] if rest.strip() else found
