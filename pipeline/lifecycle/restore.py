"""A backup brought back: nothing is put in place before every file is there and is what the index says."""

import hashlib
import os
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

import msgspec
import pyarrow as pa

from pipeline.layout import Layout
from pipeline.lifecycle.archive import DAGSTER, INDEX, PARTS, SCHEMA_VERSION, ArchiveError, Index, Stored, reading

CHUNK = 2**20
MOST_INDEX_BYTES = 2**30


@dataclass(frozen=True)
class Restored:
    """What was put in place: parts, files, bytes; when the backup was made, and the ledger's head in it."""

    parts: list[str]
    files: int
    bytes: int
    made_at: str
    ledger_head: str | None


def restore(layout: Layout, path: Path, *, overwrite: bool = False) -> Restored:
    """Unpack aside, compare every hash with the index, then put part by part in place; refuses to lose anything."""
    if not path.is_file():
        raise ArchiveError(f"{path}: no such file")
    there = [name for name in PARTS if _holds_something(layout.data / name)]
    if there and not overwrite:
        raise ArchiveError(
            f"{layout.data}: holds {', '.join(there)} already; restore into an empty folder (TOKENCLOCK_DATA), or "
            "say --overwrite to replace them"
        )
    if left := sorted(layout.data.glob(".replaced.*")):
        raise ArchiveError(
            f"{left[0]}: what an interrupted restore was replacing; move it back, or delete it, and run again"
        )
    staging = layout.data / f".restoring.{os.getpid()}"
    for cut_short in layout.data.glob(".restoring.*"):
        shutil.rmtree(cut_short)
    staging.mkdir(parents=True)
    try:
        index = _unpack(path, staging)
        parts = _put_in_place(layout.data, staging)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    total = sum(one.bytes for one in index.files.values())
    return Restored(parts, len(index.files), total, index.made_at, index.ledger_head)


def _holds_something(path: Path) -> bool:
    return path.is_file() or (path.is_dir() and any(one.name != ".collecting" for one in path.iterdir()))


def _unpack(path: Path, staging: Path) -> Index:
    """Every file of an archive, and the index that vouches for them."""
    found: dict[str, Stored] = {}
    index = None
    try:
        with reading(path) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            for member in tar:
                content = _content(path, tar, member, staging, found)
                if member.name == INDEX:
                    index = _index(path, content.read(MOST_INDEX_BYTES))
                else:
                    found[member.name] = _write(content, staging / member.name)
    except (tarfile.TarError, pa.ArrowException, EOFError) as error:
        raise _damaged(path, f"cannot be read to its end ({error})") from error
    except OSError as error:
        raise ArchiveError(f"{path}: cannot be unpacked into {staging} ({error}); nothing was changed") from error
    if index is None:
        raise _damaged(path, "has no index: it was cut short, or is no backup of tokenclock")
    for name in sorted({*found, *index.files}):
        if found.get(name) != index.files.get(name):
            raise _damaged(path, f"{name} is missing, or not the file that the index vouches for")
    return index


def _content(
    path: Path, tar: tarfile.TarFile, member: tarfile.TarInfo, staging: Path, found: dict[str, Stored]
) -> IO[bytes]:
    """The content of a member that may be written; anything but a plain file of a known part is refused."""
    first = PurePosixPath(member.name).parts[:1]
    is_known = member.name == INDEX or first in [(name,) for name in (*PARTS, DAGSTER)]
    if not member.isreg() or not is_known or ".." in PurePosixPath(member.name).parts or member.name in found:
        raise _damaged(path, f"holds {member.name!r}, which is no file of a backup")
    try:
        tarfile.data_filter(member, str(staging))
    except tarfile.FilterError as error:
        raise _damaged(path, f"holds {member.name!r}: {error}") from error
    content = tar.extractfile(member)
    if content is None:
        raise _damaged(path, f"holds {member.name!r} without content")
    return content


def _index(path: Path, content: bytes) -> Index:
    try:
        index = msgspec.json.decode(content, type=Index)
    except msgspec.MsgspecError as error:
        raise _damaged(path, f"its index cannot be read ({error})") from error
    if index.schema_version != SCHEMA_VERSION:
        raise ArchiveError(
            f"{path}: backup format {index.schema_version}, this version reads {SCHEMA_VERSION}; use tokenclock "
            f"{index.code_version}, which made it"
        )
    return index


def _write(content: IO[bytes], path: Path) -> Stored:
    path.parent.mkdir(parents=True, exist_ok=True)
    hashed, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        while piece := content.read(CHUNK):
            hashed.update(piece)
            size += file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return Stored(hashed.hexdigest(), size)


def _put_in_place(data: Path, staging: Path) -> list[str]:
    """Move aside what is replaced, put in place what was unpacked, then let the old go."""
    replaced = data / f".replaced.{os.getpid()}"
    replaced.mkdir()
    parts = sorted(one.name for one in staging.iterdir())
    for name in sorted({*PARTS, *parts}):
        if (data / name).exists():
            (data / name).rename(replaced / name)
        if name in parts:
            (staging / name).rename(data / name)
    shutil.rmtree(replaced)
    return parts


def _damaged(path: Path, what: str) -> ArchiveError:
    return ArchiveError(f"{path}: {what}; nothing was changed. Take another backup")
