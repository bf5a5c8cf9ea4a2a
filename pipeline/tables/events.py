"""One row an SSE event (or body): what the recorded bytes say, read by the target's dialect."""

import polars as pl

from pipeline.decode.events import COMMENTS, decode
from pipeline.tables.inputs import ASKED
from pipeline.tables.parts import Parts
from pipeline.tables.recorded import Recorded

INPUTS = ("trace",)
PARTS = Parts(by="requests", index="trace")
USES = {
    ASKED: ("request_id", "dialect", "http_status", "response_headers"),
    "trace": ("request_id", "read_index", "at_ns", "payload"),
}
COLUMNS = COMMENTS


def build(recorded: Recorded) -> pl.DataFrame:
    """Decode every read of the night."""
    return decode(recorded.requests, recorded.reads)
