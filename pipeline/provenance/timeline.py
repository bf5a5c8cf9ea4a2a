"""One request from the raw bytes: what happened when, read by read, with the marks that metrics are made of."""

import re
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipeline import expiry, tables, trace
from pipeline.decode import events as decoding
from pipeline.errors import TokenclockError
from pipeline.layout import Layout
from pipeline.tables.recorded import Recorded

MARKS = ("first_byte_ns", "first_event_ns", "first_token_ns", "first_content_ns", "last_token_ns", "end_ns")
FACTS = (
    *("request_id", "run_id", "model_id", "dialect", "status", "outcome", "error", "http_status", "is_warmup"),
    "sent_ns",
    *(
        "is_connection_reused",
        "finish_reason",
        "prompt_tokens",
        "tokens",
        "token_source",
        "read_count",
        "body_bytes",
    ),
    *("event_count", "token_event_count", "clock_source", "error_code", "error_message"),
)
_ID = re.compile(r"(?P<run>(?P<night>\d{4}-\d\d-\d\d)\.[^/]+)/\d+(\.\d+)?")


class NoRequestError(TokenclockError):
    """There is no such request; the message says where one was looked for."""


@dataclass(frozen=True)
class Moment:
    """Something that happened to a request, `at_ms` from `sent`. `kind`: connection, read, event or mark."""

    at_ms: float
    kind: str
    what: str
    read_index: int | None = None
    lag_us: float | None = None
    bytes: int | None = None


@dataclass(frozen=True)
class Timeline:
    """A request's facts, and its moments in order."""

    facts: dict[str, Any]
    moments: list[Moment]


def timeline(layout: Layout, request_id: str) -> Timeline:
    """Read one request back from its run's files, which must be what their manifest vouches for, and decode it."""
    recorded = _recorded(layout, request_id)
    events = decoding.decode(recorded.requests, recorded.reads)
    (row,) = tables.tables()["requests"].build(recorded, events).to_dicts()
    facts = {name: row[name] for name in FACTS}
    marks = [(row[name], name.removesuffix("_ns")) for name in MARKS if row[name] is not None]
    moments = [
        *_connection(row),
        *(_read(one) for one in recorded.reads.iter_rows(named=True)),
        *(_event(one) for one in events.iter_rows(named=True)),
        *(Moment(at / 1e6, "mark", name) for at, name in marks),
    ]
    order = ("connection", "read", "event", "mark")
    return Timeline(facts, sorted(moments, key=lambda one: (one.at_ms, order.index(one.kind))))


def _recorded(layout: Layout, request_id: str) -> Recorded:
    """The run of a request, with this request alone."""
    named = _ID.fullmatch(request_id)
    found = layout.traces.glob(f"night={named['night']}/target=*/{named['run']}/manifest.json") if named else ()
    manifest = next(iter(found), None) if named else None
    if named is None or manifest is None:
        raise NoRequestError(
            f"no run of request {request_id!r} in {layout.traces}; a request's id is <run>/<index>, as the column "
            "request_id of the table requests has it"
        )
    expiry.refuse(layout.traces, trace.read_manifest(manifest).night, request_id)
    one, requests, reads = trace.load_run(manifest.parent)
    mine = pl.col("request_id") == request_id
    if requests.filter(mine).is_empty():
        raise NoRequestError(
            f"{manifest.parent}: the run has no request {request_id!r}; it has {requests.height}, from "
            f"{requests['request_id'].min()!r} to {requests['request_id'].max()!r}"
        )
    return Recorded(one.night, requests.filter(mine), reads.filter(mine).sort("read_index"), [one], None)


def _connection(row: dict[str, Any]) -> list[Moment]:
    """The phases before `sent`, and `sent` itself; a request that was never sent has its first phases alone."""
    sent = [] if row["sent_ns"] is None else [Moment(0.0, "mark", "sent")]
    if row["connect_started_ns"] is None:
        return [*([Moment(0.0, "connection", "on a connection that was open already")] if sent else []), *sent]
    at = row["connect_started_ns"] - (row["sent_ns"] if sent else row["connect_started_ns"])
    moments = [Moment(at / 1e6, "connection", "connecting began")]
    for name in ("dns", "tcp", "tls"):
        if (took := row[f"{name}_ns"]) is not None:
            at += took
            moments.append(Moment(at / 1e6, "connection", f"{name} took {took / 1e6:.3f} ms"))
    return [*moments, *sent]


def _read(one: dict[str, Any]) -> Moment:
    lag_us = (one["user_ns"] - one["at_ns"]) / 1e3
    what = f"{len(one['payload'])} bytes of body in {one['wire_bytes']} on the wire"
    return Moment(one["at_ns"] / 1e6, "read", what, one["read_index"], lag_us, len(one["payload"]))


def _event(one: dict[str, Any]) -> Moment:
    """An event, with what it says in words."""
    said = [one["event_type"]]
    said += [f"{name} {one[name]!r}" for name in ("role", "reasoning", "content", "tool_calls") if one[name]]
    said += [f"{name} {one[name]}" for name in ("finish_reason", "prompt_tokens", "completion_tokens") if one[name]]
    said += [f"error {one['error_code'] or ''} {one['error_message'] or ''}"] if _is_error(one) else []
    said += ["[DONE]"] if one["is_done"] else []
    return Moment(one["at_ns"] / 1e6, "event", ", ".join(said), one["read_index"], None, one["data_bytes"])


def _is_error(one: dict[str, Any]) -> bool:
    return one["error_code"] is not None or one["error_message"] is not None
