"""One row a rate limit that a response states: its subject and window, what is left of it, when it starts anew."""

import polars as pl

from pipeline.decode import headers, limits
from pipeline.tables import answered
from pipeline.tables.inputs import ASKED
from pipeline.tables.keys import KEYS
from pipeline.tables.parts import Parts
from pipeline.tables.recorded import Recorded

INPUTS = ("trace", "requests")
PARTS = Parts(by="requests", index="requests", has_reads=False)

_STATED = {
    "subject": pl.String,
    "period": pl.String,
    "allowed": pl.Float64,
    "remaining": pl.Float64,
    "reset_ms": pl.Float64,
}

COLUMNS = {
    **KEYS,
    "provider": "Who runs the endpoint",
    "http_status": "HTTP status code",
    "region": answered.NAMES["region"],
    "provider_request_id": answered.NAMES["provider_request_id"],
    "subject": "What is limited: requests, tokens, input_tokens, …; retry: how long to wait before asking again",
    "period": "second, minute, hour, day or month; null where neither header nor documentation says",
    "allowed": "How much the window allows; null where it is not said or not limited",
    "remaining": "How much of it is left",
    "reset_ms": "From the response until the window starts anew",
}


USES = {
    ASKED: ("request_id", "response_headers"),
    "requests": (*KEYS, "provider", "http_status", "region", "provider_request_id"),
}


def build(recorded: Recorded, requests: pl.DataFrame) -> pl.DataFrame:
    """Read the headers of every response."""
    responses = recorded.requests.select("request_id", "response_headers").iter_rows()
    rows = [(one, *limit) for one, pairs in responses for limit in limits.read(headers.by_name(pairs))]
    stated = pl.DataFrame(rows, schema={"request_id": pl.String, **_STATED}, orient="row")
    return requests.join(stated, on="request_id").select(*COLUMNS).sort("request_id", "subject", "period")
