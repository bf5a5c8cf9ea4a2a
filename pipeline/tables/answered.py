"""What the headers of each response say: one row a request, for the tables that need it."""

import polars as pl

from pipeline.decode import headers

NAMES = {
    "provider_request_id": "The provider's own id of the request, from the headers",
    "region": "Where it was answered, as the headers say",
    "edge": "Site of the content network in front, as the headers say",
    "served_by": "Who really answered, where a gateway names it in a header or in the stream",
}

_TIMES = ("server_head_ms", "server_queue_ms", "server_prefill_ms", "server_ttft_ms")

_SCHEMA = {"request_id": pl.String, **dict.fromkeys(NAMES, pl.String), **dict.fromkeys(_TIMES, pl.Float64)}


def names(requests: pl.DataFrame) -> pl.DataFrame:
    """Who answered, where; `requests` as recorded."""
    return _read(requests).select("request_id", *NAMES)


def times(requests: pl.DataFrame) -> pl.DataFrame:
    """The server's own times, as far as they stand in headers."""
    return _read(requests).select("request_id", *_TIMES)


def _read(requests: pl.DataFrame) -> pl.DataFrame:
    answered = requests.select("request_id", "response_headers").iter_rows()
    rows = [(request_id, *headers.read(headers.by_name(pairs))) for request_id, pairs in answered]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")
