"""The ledger of the traces: what was recorded, in which order, each line with the hash of the line before it.

A manifest vouches for a run's files and nothing vouches for the manifest: whoever rewrites both leaves no trace
in them. Here each manifest, calibration and census is entered by its hash as it is recorded. Rewriting one of them
means rewriting every line behind its entry, and with them the head: the hash of the last line, which the site shows
and anybody may note down. Appended to by one process at a time; a line that a crash cut short is cut off.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import polars as pl

from pipeline import trace
from pipeline.errors import TokenclockError

NAME = "ledger.ndjson"
BEGINNING = "0" * 64
"""What the first entry follows."""

TITLE = "One row an entry of the ledger of traces: a file that was recorded, by its hash, chained to the one before"
COLUMNS = {
    "entry": "Key. Position in the ledger, from 1",
    "at": "Wall clock, UTC, when it was entered",
    "path": "File under data/traces",
    "sha256": "Hash of the file as it was recorded",
    "previous": "head of the entry before: what makes it a chain",
    "head": "Hash of this entry's line: of the last row the head of the ledger",
}


class LedgerError(TokenclockError):
    """The ledger is not the chain that was written; the message names the entry."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the traces as it was recorded. `previous`: the hash of the line before."""

    entry: int
    at: str
    path: str
    sha256: str
    previous: str


@dataclass(frozen=True)
class Line:
    """An entry, and the hash of its line."""

    entry: Entry
    head: str


def enter(traces: Path, files: Mapping[str, str]) -> None:
    """Append what is not there yet: paths under `traces`, with their hashes. A new ledger begins with all there is.

    Never refuses to go on from a ledger that was tampered with: a night is worth more, and `read` will tell.
    """
    with _alone(traces):
        _enter(traces, files)


@contextmanager
def _alone(traces: Path) -> Iterator[None]:
    """Hold the ledger against a collection here, and against what one elsewhere sends home."""
    try:
        traces.mkdir(parents=True, exist_ok=True)
        folder = os.open(traces, os.O_RDONLY)
    except OSError as error:
        raise _cannot_be_written(traces / NAME, error) from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _enter(traces: Path, files: Mapping[str, str]) -> None:
    path = traces / NAME
    if not path.exists():
        files = {**closed(traces), **files}
    content = _content(path)
    entries = content.count(b"\n")
    previous = _hash(content[:-1].rpartition(b"\n")[2]) if content else BEGINNING
    fresh = b""
    for name, sha256 in files.items():
        if not _is_entered(content, name, sha256):
            entries += 1
            line = msgspec.json.encode(Entry(entries, _now(), name, sha256, previous))
            previous = _hash(line)
            fresh += line + b"\n"
    if fresh:
        _append(path, fresh, len(content))


def _is_entered(content: bytes, name: str, sha256: str) -> bool:
    """Whether a line has this path and hash; of years of lines, only those with the path are read."""
    path = msgspec.json.encode(name)
    at = content.find(path)
    while at >= 0:
        line = content[content.rfind(b"\n", 0, at) + 1 : content.find(b"\n", at)]
        entry = _decoded(line)
        if entry and (entry.path, entry.sha256) == (name, sha256):
            return True
        at = content.find(path, at + 1)
    return False


def enter_missing(traces: Path) -> None:
    """Enter what was recorded and never entered: the process was killed in between, or it is older than ledgers."""
    known = {one.path for one in map(_decoded, _whole_lines(traces / NAME)) if one}
    missing = {name: trace.sha256(path) for name, path in _files(traces) if name not in known}
    if missing:
        enter(traces, missing)


def closed(traces: Path) -> dict[str, str]:
    """Every file on disk that a ledger speaks of, with its hash, night by night."""
    return {name: trace.sha256(path) for name, path in _files(traces)}


def _files(traces: Path) -> Iterator[tuple[str, Path]]:
    for night in sorted(traces.glob("night=*")):
        for kind in ("targets.json", "calibration/[!.]*.json", "target=*/[!.]*/manifest.json", "expired.json"):
            for path in sorted(night.glob(kind)):
                yield path.relative_to(traces).as_posix(), path


class Known(NamedTuple):
    """The first entries of a ledger, by the bytes of their lines: how many entries and bytes, and their hash."""

    entries: int
    size: int
    sha256: str


def read(traces: Path) -> list[Line]:
    """All entries; refuses a chain that does not hold. A line without an end is a crash's, and no entry."""
    return read_on(traces, None)[0]


def read_on(traces: Path, known: Known | None) -> tuple[list[Line], Known, bool]:
    """The entries behind those that are known to hold; all that are known then; and whether they still are.

    Where a byte of the known ones has changed, all entries are read, and the chain tells what is wrong.
    """
    path = traces / NAME
    content = _content(path)
    is_known = known is not None and hashlib.sha256(content[: known.size]).hexdigest() == known.sha256
    entries, size = (known.entries, known.size) if known and is_known else (0, 0)
    previous = _hash(content[: size - 1].rpartition(b"\n")[2]) if size else BEGINNING
    lines = _chained(path, content[size:].split(b"\n")[:-1], entries, previous)
    return lines, Known(entries + len(lines), len(content), hashlib.sha256(content).hexdigest()), is_known


def _chained(path: Path, texts: list[bytes], entries: int, previous: str) -> list[Line]:
    """The entries of these lines, which follow so many others."""
    lines: list[Line] = []
    for number, text in enumerate(texts, entries + 1):
        entry = _decoded(text)
        if entry is None or entry.entry != number or entry.previous != previous:
            raise LedgerError(
                f"{path}: entry {number} does not follow from the one before it: the ledger was changed "
                "at or before this line; restore it from a backup"
            )
        previous = _hash(text)
        lines.append(Line(entry, previous))
    return lines


def head(traces: Path) -> str | None:
    """The hash of the last line; null where there is none, and where the chain is broken, which `read` tells."""
    try:
        lines = read(traces)
    except LedgerError:
        return None
    return lines[-1].head if lines else None


def frame(lines: list[Line]) -> pl.DataFrame:
    """The table `ledger`."""
    rows = [(*msgspec.structs.astuple(line.entry), line.head) for line in lines]
    return pl.DataFrame(rows, schema={**dict.fromkeys(COLUMNS, pl.String), "entry": pl.Int64}, orient="row")


def _content(path: Path) -> bytes:
    """The whole lines; none where there is no ledger."""
    content = path.read_bytes() if path.exists() else b""
    return content[: content.rfind(b"\n") + 1]


def _whole_lines(path: Path) -> list[bytes]:
    return _content(path).split(b"\n")[:-1]


def _decoded(line: bytes) -> Entry | None:
    try:
        return msgspec.json.decode(line, type=Entry)
    except msgspec.MsgspecError:
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _append(path: Path, fresh: bytes, whole: int) -> None:
    try:
        with path.open("ab", buffering=0) as file:
            if file.tell() > whole:  # an append that was cut short left a piece of its lines
                file.truncate(whole)
            rest = memoryview(fresh)
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
    except OSError as error:
        raise _cannot_be_written(path, error) from error


def _cannot_be_written(path: Path, error: OSError) -> trace.DiskError:
    return trace.DiskError(
        f"{path}: cannot be written ({trace.reason(error)}); make room on that disk, or mend it, and run again"
    )
