"""From recorded reads to the events table: one row an event, or one for a whole body that is no stream."""

from operator import attrgetter
from typing import Any

import polars as pl

from pipeline.decode import errors, eventstream, json_array, lenient
from pipeline.decode.delta import Decode, Delta
from pipeline.decode.dialects import decoder
from pipeline.decode.sse import Event, Parser
from pipeline.decode.status import content_type

SCHEMA = pl.Schema(
    {
        "request_id": pl.String,
        "event_index": pl.Int32,
        "read_index": pl.Int32,
        "at_ns": pl.Int64,
        "event_type": pl.String,
        "data_bytes": pl.Int32,
        "is_done": pl.Boolean,
        "content": pl.String,
        "reasoning": pl.String,
        "tool_calls": pl.String,
        "has_token": pl.Boolean,
        "finish_reason": pl.String,
        "prompt_tokens": pl.Int64,
        "completion_tokens": pl.Int64,
        "cached_tokens": pl.Int64,
        "reasoning_tokens": pl.Int64,
        "error_code": pl.String,
        "error_message": pl.String,
        "model": pl.String,
        "response_id": pl.String,
        "system_fingerprint": pl.String,
        "served_by": pl.String,
        "server_queue_ms": pl.Float64,
        "server_load_ms": pl.Float64,
        "server_prefill_ms": pl.Float64,
        "server_ttft_ms": pl.Float64,
        "server_decode_ms": pl.Float64,
        "server_total_ms": pl.Float64,
        "server_prefill_tok_s": pl.Float64,
        "server_output_tok_s": pl.Float64,
        "role": pl.String,
        "reasoning_field": pl.String,
    }
)

COMMENTS = {
    "request_id": "The request that the event answers.",
    "event_index": "Position in the response, from 0.",
    "read_index": "The socket read that completed the event.",
    "at_ns": "Stamp of that read, nanoseconds from `sent`; events of one read share it.",
    "event_type": "Its name, `message` unless named; `body`: a whole body; `line`, `item`: of NDJSON, of an array.",
    "data_bytes": "Size of the event's data in bytes.",
    "is_done": "The event is the `[DONE]` marker, which says nothing of how the request ended.",
    "content": "Answer text; empty text and none are told apart.",
    "reasoning": "Reasoning text, whichever field the server puts it in.",
    "tool_calls": "Argument text of tool calls.",
    "has_token": "Content, reasoning, or a tool call's name or arguments are not empty.",
    "finish_reason": "Why the answer ended, as the server words it.",
    "prompt_tokens": "Usage carried by this event: tokens of the prompt.",
    "completion_tokens": "Usage carried by this event: tokens generated so far.",
    "cached_tokens": "Usage carried by this event: prompt tokens served from a cache.",
    "reasoning_tokens": "Usage carried by this event: generated tokens that were reasoning.",
    "error_code": "The error's code, else its type.",
    "error_message": "The error's message.",
    "model": "Model id as echoed by the server.",
    "response_id": "The server's id of the response.",
    "system_fingerprint": "The server's word for its build and settings.",
    "served_by": "Who really answered, where a gateway names it.",
    "server_queue_ms": "The server's own account: waiting before the model took the request up.",
    "server_load_ms": "The server's own account: loading the model.",
    "server_prefill_ms": "The server's own account: processing the prompt.",
    "server_ttft_ms": "The server's own account: time to first token, as it defines it.",
    "server_decode_ms": "The server's own account: generating the answer.",
    "server_total_ms": "The server's own account: the whole request, as it defines it (Groq leaves the queue out).",
    "server_prefill_tok_s": "The server's own account: prompt tokens a second.",
    "server_output_tok_s": "The server's own account: generated tokens a second of this request.",
    "role": "The role that the event names; tools differ in what they take empty text without one for.",
    "reasoning_field": "Name of the field that reasoning text came in; tools differ in which of them they know.",
}

Located = tuple[int, Event]
"""An event and the position, in the list of reads, of the read that completed it."""


def decode(requests: pl.DataFrame, reads: pl.DataFrame) -> pl.DataFrame:
    """Decode all responses of a night into a frame of `SCHEMA`, sorted by request and event."""
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA}
    for request_id, dialect, http_status, label, *located in _with_reads(requests, reads).iter_rows():
        read_indices, stamps, pieces = located
        found = dispatch(pieces, http_status, label)
        deltas = _understand(found, decoder(dialect), http_status)
        columns["request_id"] += [request_id] * len(found)
        columns["event_index"] += range(len(found))
        columns["read_index"] += [read_indices[read] for read, _ in found]
        columns["at_ns"] += [stamps[read] for read, _ in found]
        columns["event_type"] += [event.type for _, event in found]
        columns["data_bytes"] += [len(event.data) for _, event in found]
        for name in Delta.__struct_fields__:
            columns[name] += map(attrgetter(name), deltas)
    return pl.DataFrame([pl.Series(name, columns[name], dtype) for name, dtype in SCHEMA.items()])


def _with_reads(requests: pl.DataFrame, reads: pl.DataFrame) -> pl.DataFrame:
    """One row a request that got a body: its facts and, as lists, the reads that hold body bytes."""
    bodies = reads.filter(pl.col("payload").bin.size() > 0).sort("request_id", "read_index")
    pieces = bodies.group_by("request_id", maintain_order=True).agg("read_index", "at_ns", "payload")
    facts = requests.select("request_id", "dialect", pl.col("http_status").fill_null(200), content_type())
    return facts.join(pieces, on="request_id").sort("request_id")


def _understand(found: list[Located], speak: Decode, http_status: int) -> list[Delta]:
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
