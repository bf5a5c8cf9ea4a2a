"""From recorded reads to the events table: one row an event, or one for a whole body that is no stream."""

from collections.abc import Iterator

import numpy as np
import polars as pl
from msgspec.structs import astuple

from pipeline.decode import bodies
from pipeline.decode.delta import Delta
from pipeline.decode.dialects import decoder, slots
from pipeline.decode.meanings import LINES, SSE, Framing, Meaning
from pipeline.decode.responses import are_lines, dispatch, may_be_sse, said
from pipeline.decode.skeletons import ROWS, understand
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

BATCH_BYTES = 32_000_000
"""Bodies decoded at a time: bounds memory, and few enough that the processor's caches are of use."""


def decode(requests: pl.DataFrame, reads: pl.DataFrame) -> pl.DataFrame:
    """Decode all responses of a night into a frame of `SCHEMA`, sorted by request and event."""
    return pl.concat([SCHEMA.to_frame(), *batches(requests, reads)])


def batches(requests: pl.DataFrame, reads: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Decode some responses at a time: what `decode` gives, in parts."""
    facts = requests.select("request_id", "dialect", pl.col("http_status").fill_null(200), content_type())
    parts = _sorted(reads.filter(pl.col("payload").bin.size() > 0))
    found = parts["request_id"].rle().struct.unnest().rename({"value": "request_id", "len": "count"})
    found = found.with_columns(size=_sums(parts["payload"].bin.size(), found["count"]))
    responses = found.join(facts, on="request_id", maintain_order="left")
    if responses.height < found.height:
        parts = parts.join(responses, on="request_id", how="semi", maintain_order="left")
    start = 0
    for _, group in responses.group_by(pl.col("size").cum_sum() // BATCH_BYTES, maintain_order=True):
        part = group.with_row_index("response")
        count = int(part["count"].sum())
        numbers = pl.Series("response", np.repeat(part["response"].to_numpy(), part["count"].to_numpy()))
        yield _decode(part, parts.slice(start, count).with_columns(numbers))
        start += count


def _sorted(reads: pl.DataFrame) -> pl.DataFrame:
    """Reads by response and in order, as they mostly come: to look is far cheaper than to sort."""
    requests, numbers = reads["request_id"].rle().struct.unnest(), reads["read_index"].to_numpy()
    goes_on = np.append(np.diff(numbers) > 0, True)
    goes_on[requests["len"].cum_sum().to_numpy() - 1] = True
    names = requests["value"]
    is_sorted = goes_on.all() and bool((names > names.shift()).all())
    return reads if is_sorted else reads.sort("request_id", "read_index")


def _sums(sizes: pl.Series, counts: pl.Series) -> pl.Series:
    """Sums of so many sizes each."""
    totals, edges = (np.append(0, np.cumsum(some.to_numpy(), dtype=np.int64)) for some in (sizes, counts))
    return pl.Series(np.diff(totals[edges]))


def _decode(responses: pl.DataFrame, reads: pl.DataFrame) -> pl.DataFrame:
    """Decode streams at once, and by itself each response that shows no event that way."""
    meanings: list[Meaning] = []
    rows = _streams(responses, reads, meanings)
    shows_none = np.ones(responses.height, bool)
    shows_none[rows["response"].to_numpy()] = False
    if shows_none.any():
        others = responses.filter(shows_none)
        rest = _one_by_one(others, reads, meanings)
        rows = pl.concat([rows, rest], how="diagonal").sort("response", maintain_order=True)
    return _table(responses, reads, rows, meanings)


def _streams(responses: pl.DataFrame, reads: pl.DataFrame, meanings: list[Meaning]) -> pl.DataFrame:
    """Events of responses that look like streams: `response`, `read`, `size`, `meaning` and own values."""
    reads = reads.select("response", "payload").with_row_index("read")
    streams = responses.filter(may_be_sse()).select("response", "dialect")
    lines = responses.filter(are_lines()).select("response", "dialect")
    found = [
        _framed_as(framing, some, reads, meanings)
        for framing, some in ((SSE, streams), (LINES, lines))
        if some.height
    ]
    rows = pl.concat([ROWS.to_frame().drop("end").with_columns(read=_NO_READ), *found], how="diagonal")
    return rows.sort("response", maintain_order=True) if len(found) > 1 else rows


_NO_READ = pl.lit(None, pl.UInt32)


def _framed_as(
    framing: Framing, streams: pl.DataFrame, reads: pl.DataFrame, meanings: list[Meaning]
) -> pl.DataFrame:
    """Events of the responses that are framed alike."""
    if streams.height < reads["response"].n_unique():
        reads = reads.join(streams, on="response", how="semi", maintain_order="left")
    joined = bodies.join(reads, with_lf_only=framing.lf_only)
    spoken = joined.texts.join(streams, on="response", maintain_order="left").partition_by("dialect", as_dict=True)
    parts = [
        understand(joined, part, decoder(name), slots(name), meanings, framing=framing)
        for (name,), part in spoken.items()
    ]
    rows = pl.concat([ROWS.to_frame(), *parts], how="diagonal")
    if len(parts) > 1:
        rows = rows.sort("end")
    completed_by = np.searchsorted(joined.ends, rows["end"].to_numpy())
    return rows.with_columns(reads["read"].gather(completed_by)).drop("end")


def _one_by_one(responses: pl.DataFrame, reads: pl.DataFrame, meanings: list[Meaning]) -> pl.DataFrame:
    """Events of the other responses, each by itself."""
    pieces = reads.with_row_index("read").group_by("response", maintain_order=True).agg("read", "payload")
    facts = responses.select("response", "dialect", "http_status", "content_type")
    rows = []
    for response, dialect, http_status, label, read, payloads in facts.join(pieces, on="response").iter_rows():
        found = dispatch(payloads, http_status, label)
        for (at, event), delta in zip(found, said(found, decoder(dialect), http_status), strict=True):
            rows.append((response, read[at], len(event.data), len(meanings)))
            meanings.append(Meaning(event.type, 0, delta))
    schema = {"response": pl.UInt32, "read": pl.UInt32, "size": pl.Int64, "meaning": pl.Int32}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _table(
    responses: pl.DataFrame, reads: pl.DataFrame, rows: pl.DataFrame, meanings: list[Meaning]
) -> pl.DataFrame:
    """Spread meanings over their rows, and put in what is each row's own."""
    columns = {
        "request_id": responses["request_id"].gather(rows["response"]),
        "event_index": _event_index(rows["response"]),
        **reads.select("read_index", "at_ns")[rows["read"]].to_dict(),
        **_spread(_shared(meanings), rows["meaning"]).to_dict(),
    }
    framing = pl.Series([meaning.framing for meaning in meanings], dtype=pl.Int64)
    columns["data_bytes"] = (rows["size"] - framing.gather(rows["meaning"])).cast(pl.Int32)
    for own in rows.select(pl.exclude(*ROWS, "read")):
        columns[own.name] = _filled(own.cast(SCHEMA[own.name]), columns[own.name])
    return pl.DataFrame([columns[name].alias(name) for name in SCHEMA])


def _event_index(responses: pl.Series) -> pl.Series:
    """Count the rows of each response from 0."""
    lengths = responses.rle().struct.field("len").to_numpy().astype(np.int64)
    firsts = np.cumsum(lengths) - lengths
    return pl.Series(np.arange(len(responses)) - np.repeat(firsts, lengths), dtype=pl.Int32)


def _spread(meanings: pl.DataFrame, positions: pl.Series) -> pl.DataFrame:
    """Repeat meanings; columns that hold nothing are made anew, which is cheaper."""
    silent = [column.name for column in meanings if column.null_count() == len(column)]
    nothing = (pl.lit(None, SCHEMA[name]).alias(name) for name in silent)
    return meanings.drop(silent)[positions].with_columns(nothing)


def _shared(meanings: list[Meaning]) -> pl.DataFrame:
    """One row a meaning."""
    rows = [(meaning.event_type, *astuple(meaning.delta)) for meaning in meanings]
    names = ("event_type", *Delta.__struct_fields__)
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    return pl.DataFrame(
        [pl.Series(name, values, SCHEMA[name]) for name, values in zip(names, columns, strict=True)]
    )


def _filled(own: pl.Series, shared: pl.Series) -> pl.Series:
    """A column with the events' own values where they have any."""
    return own if shared.null_count() == len(shared) else own.zip_with(own.is_not_null(), shared)
