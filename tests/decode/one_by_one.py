"""Decoding as it is defined: one response after the other, one event after the other, nothing shared. Slow."""

from typing import Any

import polars as pl

from pipeline.decode import events, responses
from pipeline.decode.delta import Delta
from pipeline.decode.dialects import decoder
from pipeline.decode.status import content_type


def decode(requests: pl.DataFrame, reads: pl.DataFrame) -> pl.DataFrame:
    facts = requests.with_columns(content_type()).sort("request_id")
    rows = [row for request in facts.iter_rows(named=True) for row in _response(request, reads)]
    return pl.DataFrame(rows, schema=events.SCHEMA, orient="row")


def _response(request: dict[str, Any], reads: pl.DataFrame) -> list[dict[str, Any]]:
    mine = reads.filter(pl.col("request_id") == request["request_id"], pl.col("payload").bin.size() > 0)
    mine = mine.sort("read_index")
    pieces, status = mine["payload"].to_list(), request["http_status"]
    found = responses.dispatch(pieces, 200 if status is None else status, request["content_type"]) if pieces else []
    deltas = responses.said(found, decoder(request["dialect"]), status or 200)
    return [
        {
            "request_id": request["request_id"],
            "event_index": index,
            "read_index": mine["read_index"][read],
            "at_ns": mine["at_ns"][read],
            "event_type": event.type,
            "data_bytes": len(event.data),
            **{name: getattr(delta, name) for name in Delta.__struct_fields__},
        }
        for index, ((read, event), delta) in enumerate(zip(found, deltas, strict=True))
    ]
