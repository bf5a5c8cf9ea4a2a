"""An installation in one file: traces, tables, audits, warehouse, and Dagster's storage where asked for."""

import hashlib
import io
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa

from pipeline import __version__, ledger
from pipeline.collect.night import CollectError, alone
from pipeline.layout import Layout
from pipeline.lifecycle.archive import (
    DAGSTER,
    INDEX,
    PARTS,
    SCHEMA_VERSION,
    ArchiveError,
    Index,
    Stored,
    codec,
    writing,
)

LOCK = ".collecting"
SQLITE = ".db"
SQLITE_BESIDE = ("-wal", "-shm", "-journal")  # of a database that is copied as a whole


@dataclass(frozen=True)
class BackedUp:
    """A backup that was made: where, how many files of which size, its own size and hash, the ledger's head."""

    path: Path
    files: int
    bytes: int
    archive_bytes: int
    sha256: str
    ledger_head: str | None


class _Hashing(io.RawIOBase):
    """A file that hashes what is read of it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sum = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        data = self._file.read(size)
        self.sum.update(data)
        return data


def backup(layout: Layout, path: Path, *, with_dagster: bool = False, overwrite: bool = False) -> BackedUp:
    """Write a backup; an existing file stays unless `overwrite`; a cut attempt leaves nothing of this name."""
    compression = codec(path)
    if path.exists() and not overwrite:
        raise ArchiveError(f"{path}: exists; choose another name, or --overwrite it")
    parts = [name for name in (*PARTS, *([DAGSTER] if with_dagster else [])) if (layout.data / name).exists()]
    if not parts:
        raise ArchiveError(f"{layout.data}: nothing to back up; TOKENCLOCK_DATA names the folder")
    layout.traces.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with alone(layout.traces, 0.0), writing(aside, compression) as stream:
            index = _write(layout, parts, stream)
        with aside.open("rb") as file:
            os.fsync(file.fileno())
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        aside.replace(path)
    except CollectError:
        raise ArchiveError(f"{layout.traces}: a collection is running; wait for its end") from None
    except (OSError, pa.ArrowException, tarfile.TarError) as error:
        raise ArchiveError(
            f"{path}: cannot be written ({error}); make room there, or choose another place"
        ) from error
    finally:
        aside.unlink(missing_ok=True)
    total = sum(one.bytes for one in index.files.values())
    return BackedUp(path, len(index.files), total, path.stat().st_size, sha256, index.ledger_head)


def _write(layout: Layout, parts: list[str], stream: Any) -> Index:
    head = ledger.head(layout.traces)
    files: dict[str, Stored] = {}
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for name, path in _files(layout.data, parts):
            with _readable(path) as file:
                files[name] = _add(tar, name, file)
        index = Index(
            schema_version=SCHEMA_VERSION,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            code_version=__version__,
            ledger_head=head,
            files=files,
        )
        content = msgspec.json.encode(index, order="deterministic")
        _add(tar, INDEX, io.BytesIO(content))
    return index


def _files(data: Path, parts: list[str]) -> Iterator[tuple[str, Path]]:
    """Every file of these parts, by its name under the data, but links, the lock and unfinished files."""
    for part in parts:
        for path in sorted([data / part, *(data / part).rglob("*")]):
            name = path.relative_to(data).as_posix()
            is_unfinished = path.name.startswith(".") and part != "traces"
            is_left_out = path.name == LOCK or is_unfinished or path.name.endswith(SQLITE_BESIDE)
            if path.is_file() and not path.is_symlink() and not is_left_out:
                yield name, path


def _readable(path: Path) -> BinaryIO:
    """A file as it is; a database of Dagster's, which may be written to just now, as a copy in one piece."""
    if path.suffix != SQLITE:
        return path.open("rb")
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    with tempfile.TemporaryDirectory(prefix="tokenclock-") as folder:
        target = Path(folder) / path.name
        source, made = sqlite3.connect(f"file:{path}?mode=ro", uri=True), sqlite3.connect(target)
        try:
            source.backup(made)
        finally:
            made.close()
            source.close()
        with target.open("rb") as file:
            shutil.copyfileobj(file, copy)
    copy.seek(0)
    return copy


def _add(tar: tarfile.TarFile, name: str, file: Any) -> Stored:
    """Add a file under a name, without anything of this machine: no owner, no times."""
    info = tarfile.TarInfo(name)
    info.size = file.seek(0, os.SEEK_END)
    info.mode = 0o644
    file.seek(0)
    hashing = _Hashing(file)
    tar.addfile(info, hashing)
    return Stored(hashing.sum.hexdigest(), info.size)
