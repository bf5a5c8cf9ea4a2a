"""Crash-safe traces: every finished request is on disk before the next is counted.

A run in progress is a hidden folder: a draft of its manifest, a journal, and a reserve of disk space. Sealing
turns the journal into Parquet, part by part, writes the manifest, enters it in the ledger and renames the folder;
it can be cut anywhere and done again. What a killed process left is sealed by the next collection: what was
finished is kept, what was in flight is counted as lost, or kept up to the last segment where it was long.
"""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import numpy as np
import polars as pl

from pipeline import ledger, trace
from pipeline.collect.journal import Closed, Damage, Finished, Journal, Record, Segment, Started, records
from pipeline.collect.reads import Reads
from pipeline.collect.recorder import Trace
from pipeline.errors import TokenclockError

PART_BYTES = 8 * 2**20
"""Size of a part of a run's files, before compression: what sealing holds in memory."""
RESERVE_BYTES = 4 * 2**20
"""Given back when the disk is full, so that the request at hand still finds room."""
_READ_BYTES = 100  # what a read weighs beside its payload, about

DRAFT, JOURNAL, RESERVE, MANIFEST = "draft.json", "journal", "reserve", "manifest.json"
KILLED = Closed("interrupted", "the collecting process ended before the run did")


class StoreError(TokenclockError):
    """The disk did not take what was measured; the message names the folder, what is kept, and the cure."""


class RunStore:
    """The open journal of one run."""

    def __init__(self, traces: Path, draft: trace.Manifest) -> None:
        self.final = trace.run_folder(traces, draft.night, draft.target.name, draft.run_id)
        self.folder = self.final.with_name(f".{self.final.name}")
        self._journal = Journal(self.folder / JOURNAL)
        self._writer = ThreadPoolExecutor(1, "segments")  # starts no thread before it has something to do
        self._kept = 0
        with _explained(self.folder, "nothing was sent yet"):
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self.folder.mkdir()
            try:
                trace.write_json(self.folder / DRAFT, draft)
                (self.folder / RESERVE).write_bytes(bytes(RESERVE_BYTES))
            except (OSError, trace.DiskError):
                shutil.rmtree(self.folder)
                raise

    def begin(self, request_id: str) -> None:
        """Note that a request is about to be sent: if it never finishes, the manifest counts it as lost."""
        try:
            self._journal.append(Started(request_id))
        except OSError as error:
            self._end(error)

    def append(self, finished: Trace) -> None:
        """Keep a finished request. On a full disk it takes the reserve, and raises so that no other is sent."""
        with self._explained_as("one more was over and found no room"):
            full = self._append(Finished(finished.request, finished.reads, finished.first_read))
        self._kept += 1
        if full is not None:
            self._end(full)

    def keep(self, make: Callable[[], Segment]) -> "Future[None]":
        """Make a segment of a running request in another thread, and keep it; on a full disk like `append`."""
        return self._writer.submit(self._keep, make)

    def _keep(self, make: Callable[[], Segment]) -> None:
        with self._explained_as("a part of one more found no room"):
            full = self._append(make())
        if full is not None:
            self._end(full)

    def _append(self, record: Record) -> OSError | None:
        """Write a record, if need be into the reserve: then the error of the full disk is returned."""
        try:
            self._journal.append(record)
        except OSError as error:
            (self.folder / RESERVE).unlink(missing_ok=True)
            self._journal.append(record)
            return error
        return None

    def _end(self, error: OSError) -> NoReturn:
        """Leave a word for the collection that will close the run, and end this one."""
        with suppress(OSError):  # without it the run is closed as one whose process ended, which is true too
            (self.folder / RESERVE).unlink(missing_ok=True)
            self._journal.append(Closed("interrupted", f"the disk took no more ({trace.reason(error)})"))
        raise _error(self.folder, self._said(), error) from error

    def close(self, outcome: str, error: str | None = None, **facts: dict[str, Any]) -> trace.Manifest:
        """Seal the run; `facts` are fields of its manifest that were known only at its end."""
        self._writer.shutdown()
        with _explained(self.folder, self._said()):
            (self.folder / RESERVE).unlink(missing_ok=True)
            self._journal.append(Closed(outcome, error, facts))
        return seal(self.folder)

    def _explained_as(self, lost: str) -> AbstractContextManager[None]:
        return _explained(self.folder, f"{self._said()}; {lost}")

    def _said(self) -> str:
        return f"{self._kept} finished requests are kept there"


@contextmanager
def _explained(folder: Path, kept: str) -> Iterator[None]:
    """Tell what a failing disk means for the run."""
    try:
        yield
    except (OSError, trace.DiskError) as error:
        raise _error(folder, kept, error) from error


def _error(folder: Path, kept: str, error: Exception) -> StoreError:
    return StoreError(
        f"{folder}: cannot write ({trace.reason(error)}); {kept}. Cure: make room on that disk and collect again; "
        "the next collection closes this run and goes on"
    )


@dataclass
class _Tally:
    """What a journal holds, counted while it is read."""

    in_flight: set[str] = field(default_factory=set)
    cut: dict[str, dict[str, Any]] = field(default_factory=dict)  # requests with segments and no end, so far
    recorded: int = 0
    damages: int = 0
    damaged_bytes: int = 0
    closed: Closed = KILLED

    def count(self, record: Record | Damage) -> None:
        match record:
            case Started():
                self.in_flight.add(record.request_id)
            case Segment():
                self._count_segment(record)
            case Finished():
                self.in_flight.discard(record.request["request_id"])
                self.cut.pop(record.request["request_id"], None)
                self.recorded += 1
            case Closed():
                self.closed = record
            case Damage():
                self.damages += 1
                self.damaged_bytes += record.bytes

    def _count_segment(self, segment: Segment) -> None:
        """What is kept of a request while nothing follows: its reads up to here, the last of which is its end."""
        name, reads = segment.request["request_id"], segment.reads
        before = self.cut.get(name, {"read_count": 0, "body_bytes": 0})
        self.cut[name] = {
            **segment.request,
            "read_count": before["read_count"] + len(reads.payloads),
            "body_bytes": before["body_bytes"] + sum(map(len, reads.payloads)),
            "end_ns": int(np.frombuffer(reads.at_ns, np.int64)[-1]),
        }

    @property
    def lost(self) -> int:
        """Requests of which nothing is kept."""
        return len(self.in_flight - self.cut.keys())

    @property
    def error(self) -> str | None:
        """Why the run ended as it did, and what it lost."""
        lost = f"{self.lost} requests in flight were lost" if self.lost else None
        cut = f"{len(self.cut)} requests in flight are kept up to their last segment" if self.cut else None
        damage = f"{self.damages} damaged pieces of its journal, {self.damaged_bytes} bytes, were left out"
        return "; ".join(filter(None, [self.closed.error, lost, cut, damage if self.damages else None])) or None


def seal(folder: Path) -> trace.Manifest:
    """Turn a run in progress into a closed one. Its last step is one rename; cut short, it can be done again."""
    with _explained(folder, "its finished requests are kept there"):
        if not (folder / MANIFEST).exists():
            _write(folder)
        final = folder.with_name(folder.name.removeprefix("."))
        traces = folder.parents[2]
        ledger.enter(traces, {(final / MANIFEST).relative_to(traces).as_posix(): trace.sha256(folder / MANIFEST)})
        for path in folder.iterdir():
            if path.name not in (*trace.FILES, trace.ENGINE_METRICS, MANIFEST):
                path.unlink()
        folder.rename(final)
    return trace.read_manifest(final / MANIFEST)


def _write(folder: Path) -> None:
    """Write the files and, last, the manifest that vouches for them."""
    draft, tally = trace.read_manifest(folder / DRAFT), _Tally()
    files = trace.write_run(folder, _parts(_kept(folder / JOURNAL, tally)))
    files |= trace.seal_samples(folder, draft.run_id)
    files |= trace.seal_engine_metrics(folder)
    manifest = msgspec.structs.replace(
        draft,
        outcome=tally.closed.outcome,
        error=tally.error,
        **tally.closed.facts,
        requests_recorded=tally.recorded + len(tally.cut),
        requests_lost=tally.lost,
        files=files,
    )
    trace.write_json(folder / MANIFEST, manifest)


@dataclass(frozen=True)
class _Kept:
    """Some reads of a request, and its row where it is known how it ended."""

    request_id: str
    request: dict[str, Any] | None
    first_read: int
    reads: Reads


def _kept(journal: Path, tally: _Tally) -> Iterator[_Kept]:
    """All that is in a journal; last, the rows of requests that nobody ended."""
    for record in records(journal):
        tally.count(record)
        if isinstance(record, Finished | Segment):
            row = record.request if isinstance(record, Finished) else None
            yield _Kept(record.request["request_id"], row, record.first_read, record.reads)
    for name, request in tally.cut.items():
        yield _Kept(name, request, 0, Reads(b"", b"", b"", []))


def _parts(kept: Iterator[_Kept]) -> Iterator[trace.Part]:
    """Gather requests until they make a part."""
    gathered: list[_Kept] = []
    size = 0
    for one in kept:
        gathered.append(one)
        size += sum(map(len, one.reads.payloads)) + _READ_BYTES * (1 + len(one.reads.payloads))
        if size >= PART_BYTES:
            yield _part(gathered)
            gathered, size = [], 0
    if gathered:
        yield _part(gathered)


def _part(gathered: list[_Kept]) -> trace.Part:
    known = [one.request for one in gathered if one.request is not None]
    rows = [{**request, "night": date.fromisoformat(request["night"])} for request in known]
    requests = pl.DataFrame(rows, schema=trace.REQUESTS).sort("request_id")
    reads = pl.concat([_reads(one) for one in gathered]).sort("request_id", "read_index")
    return requests, reads


def _reads(one: _Kept) -> pl.DataFrame:
    count = len(one.reads.payloads)
    columns = {
        "request_id": pl.repeat(one.request_id, count, eager=True),
        "read_index": pl.int_range(one.first_read, one.first_read + count, eager=True),
        "at_ns": pl.Series(np.frombuffer(one.reads.at_ns, np.int64)),
        "user_ns": pl.Series(np.frombuffer(one.reads.user_ns, np.int64)),
        "wire_bytes": pl.Series(np.frombuffer(one.reads.wire_bytes, np.int64)),
        "payload": pl.Series(one.reads.payloads, dtype=pl.Binary),
    }
    return pl.DataFrame(columns).cast(trace.READS)


def recover(traces: Path) -> list[trace.Manifest]:
    """Close what earlier, killed collections left open. Call only while no other collection runs."""
    closed = []
    for folder in sorted(traces.glob("night=*/target=*/.*")):
        if (folder / MANIFEST).exists():  # cut between sealing and renaming
            seal(folder)
        elif (folder / DRAFT).exists():
            closed.append(seal(folder))
        else:
            shutil.rmtree(folder)
    for aside in (*traces.glob("night=*/.*.json.*"), *traces.glob("night=*/calibration/.*.json.*")):
        aside.unlink()
    ledger.enter_missing(traces)
    return closed
