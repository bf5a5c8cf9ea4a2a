"""One row an SSE event (or body): what the recorded bytes say, read by the target's dialect."""

import polars as pl

from pipeline.decode.events import COMMENTS, decode
from pipeline.tables.recorded import Recorded

INPUTS = ("trace",)
COLUMNS = COMMENTS


def build(recorded: Recorded) -> pl.DataFrame:
    """Decode every read of the night."""
    return decode(recorded.requests, recorded.reads)
