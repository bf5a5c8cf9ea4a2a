"""What a backup is: a tar of an installation's files, and last in it an index of their hashes.

Belongs here: the format. Does not: what goes into one (`backup`) and how it comes back (`restore`). The index comes
last because it is made of what was really read; an archive that was cut short has none, and is refused.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from pipeline.errors import TokenclockError

INDEX = "backup.json"
SCHEMA_VERSION = 1
PARTS = ("traces", "tables", "audits", "warehouse.duckdb")
DAGSTER = "dagster"
CODECS = {".tar": None, ".tar.gz": "gzip", ".tgz": "gzip", ".tar.zst": "zstd"}


class ArchiveError(TokenclockError):
    """A backup cannot be written or restored; the message names file and cure."""


class Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of an archive, by content."""

    sha256: str
    bytes: int


class Index(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an archive holds, when it was made, by which version, and the head of the ledger in it."""

    schema_version: int
    made_at: str
    code_version: str
    ledger_head: str | None
    files: dict[str, Stored]


def codec(path: Path) -> str | None:
    """How a file of this name is compressed."""
    for ending, name in CODECS.items():
        if path.name.endswith(ending):
            return name
    raise ArchiveError(f"{path}: end the name in {', '.join(CODECS)}")


@contextmanager
def writing(path: Path, compression: str | None) -> Iterator[Any]:
    """A stream into a file, compressed as said."""
    with pa.OSFile(str(path), "wb") as file:
        if compression is None:
            yield file
        else:
            with pa.CompressedOutputStream(file, compression) as stream:
                yield stream


@contextmanager
def reading(path: Path) -> Iterator[Any]:
    """A stream out of a file, decompressed as its name says."""
    compression = codec(path)
    with pa.OSFile(str(path), "rb") as file:
        if compression is None:
            yield file
        else:
            with pa.CompressedInputStream(file, compression) as stream:
                yield stream
