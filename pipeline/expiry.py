"""The tombstone of a night whose raw reads have expired: what was there, since when it is gone, and by which rule.

Written before the first of the reads is deleted (`pipeline.lifecycle.gc`). From then on the night's tables are what
they are: nothing can compute them anew, and nothing tries to. Their hashes stand here.
"""

from datetime import date
from pathlib import Path

import msgspec

from pipeline import trace
from pipeline.errors import TokenclockError

NAME = "expired.json"
READS = "reads.parquet"


class ExpiredError(TokenclockError):
    """What was asked for needs raw reads that expired; the message says when, and by which rule."""


class Reads(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The reads of a run as they were: hash, rows, size."""

    sha256: str
    rows: int
    bytes: int


class Expired(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A night whose reads expired. `runs`: by folder under the traces; `tables`: hash of each file, by name."""

    schema_version: int
    night: date
    expired_at: str
    rule: str
    runs: dict[str, Reads]
    tables: dict[str, str]

    @property
    def said(self) -> str:
        """The same in words."""
        day = self.expired_at[:10]
        return f"not recomputable since {day}: the raw reads of {len(self.runs)} runs expired ({self.rule})"


def path(traces: Path, night: date) -> Path:
    """Where a night's tombstone stands."""
    return traces / f"night={night.isoformat()}" / NAME


def of(traces: Path, night: date) -> Expired | None:
    """The tombstone of a night; None where its reads are all there."""
    at = path(traces, night)
    if not at.exists():
        return None
    try:
        return msgspec.json.decode(at.read_bytes(), type=Expired)
    except msgspec.MsgspecError as error:
        raise trace.TraceError(f"{at}: damaged tombstone ({error}); restore it from a backup") from error


def refuse(traces: Path, night: date, what: str) -> None:
    """Raise where `what` needs reads that are gone."""
    if gone := of(traces, night):
        raise ExpiredError(f"{what}: the night of {night} is {gone.said}; a backup from before may have them")
