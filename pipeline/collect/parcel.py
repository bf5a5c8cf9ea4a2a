"""What was recorded of a night on another machine, packed for the way home: one tar that begins with its own list.

Belongs here: the format, packing, and unpacking with every byte verified. Does not: whether what it says can be
true, and where it goes (`pipeline.collect.ingest`). It is written and read in one pass, from a file or a pipe.
"""

import hashlib
import io
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from pipeline import __version__, trace
from pipeline.errors import TokenclockError

SCHEMA_VERSION = 1
LIST = "parcel.json"
LIST_BYTES = 2**26
"""A list that claims to be longer is none."""
_PIECE = 2**20

_NAME = r"[a-z0-9][a-z0-9-]*"
_RUN_ID = r"[0-9A-Za-z][0-9A-Za-z.-]*"
_RUN_FILES = "|".join(
    re.escape(name) for name in ("manifest.json", trace.ENGINE_METRICS, trace.SCRAPES, *trace.FILES)
)
ALLOWED = re.compile(
    rf"target={_NAME}/(?:{_RUN_ID}/(?:{_RUN_FILES})|engine\.r\d+\.log)|calibration/[0-9A-Za-z][0-9A-Za-z.+-]*\.json"
)
"""The paths that a parcel can hold, below its night. Nothing that matches leads out of a folder."""


class ParcelError(TokenclockError):
    """A parcel is damaged or was tampered with; the message names the sign."""


class Packed(msgspec.Struct, frozen=True):
    """A file of a parcel, by content."""

    sha256: str
    bytes: int


class List(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a parcel holds, and which recorder made it."""

    schema_version: int
    night: date
    recorder: str
    code_version: str
    made_at: str
    files: dict[str, Packed]


@dataclass(frozen=True)
class _Source:
    """A file as it stood when it was listed: it may grow since, or not."""

    path: Path
    packed: Packed


def pack(traces: Path, night: date, recorder: str, out: BinaryIO) -> List:
    """Write the closed runs of a night, its calibrations and its engines' logs."""
    folder = traces / f"night={night.isoformat()}"
    sources = {path.relative_to(folder).as_posix(): _source(path) for path in _files(folder)}
    made = List(
        schema_version=SCHEMA_VERSION,
        night=night,
        recorder=recorder,
        code_version=__version__,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        files={name: one.packed for name, one in sources.items()},
    )
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, LIST, io.BytesIO(text := msgspec.json.encode(made)), len(text))
        for name, one in sources.items():
            with one.path.open("rb") as file:
                _add(tar, name, file, one.packed.bytes)
    return made


def _files(folder: Path) -> list[Path]:
    """Files of closed runs, logs and calibrations; nothing of a run in progress."""
    runs = {path.parent for path in folder.glob("target=*/[!.]*/manifest.json")}
    found = [*(path for run in runs for path in run.iterdir()), *folder.glob("target=*/engine.*.log")]
    return sorted([*found, *folder.glob("calibration/[!.]*.json")])


def _source(path: Path) -> _Source:
    with path.open("rb") as file:
        return _Source(path, packed(file))


def packed(file: BinaryIO) -> Packed:
    """Hash and length of what is left of a file."""
    digest, size = hashlib.sha256(), 0
    while piece := file.read(_PIECE):
        digest.update(piece)
        size += len(piece)
    return Packed(digest.hexdigest(), size)


def _add(tar: tarfile.TarFile, name: str, file: BinaryIO, size: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    tar.addfile(entry, file)


def listed(path: Path) -> List:
    """The list of a parcel on disk, without the rest of it."""
    with path.open("rb") as file, _opened(file, path.name) as tar:
        return _list(tar, path.name)


def unpack(file: BinaryIO, name: str, into: Path) -> List:
    """Lay the files of a parcel into a folder. `ParcelError`: they are not those of its list."""
    with _opened(file, name) as tar:
        this = _list(tar, name)
        missing = set(this.files)
        for entry in _entries(tar, name):
            if not entry.isreg() or not ALLOWED.fullmatch(entry.name):
                raise ParcelError(f"{name}: holds `{entry.name}`, which is nothing that a recorder writes")
            if entry.name not in missing:
                again = "twice" if entry.name in this.files else "and its list does not"
                raise ParcelError(f"{name}: holds `{entry.name}` {again}")
            missing.remove(entry.name)
            _lay(tar, entry, this.files[entry.name], name, into)
    if missing:
        raise ParcelError(f"{name}: `{min(missing)}` is in its list and missing; the file was cut, or robbed")
    return this


def _opened(file: BinaryIO, name: str) -> tarfile.TarFile:
    try:
        return tarfile.open(fileobj=file, mode="r|")
    except tarfile.TarError as error:
        raise ParcelError(f"{name}: not a tar ({error})") from error


def _entries(tar: tarfile.TarFile, name: str) -> Iterator[tarfile.TarInfo]:
    """What comes next, to the end: a tar's own iterator would begin anew."""
    try:
        while entry := tar.next():
            yield entry
    except (tarfile.TarError, EOFError) as error:
        raise ParcelError(f"{name}: the tar is damaged ({error})") from error


def _list(tar: tarfile.TarFile, name: str) -> List:
    first = next(_entries(tar, name), None)
    if first is None or first.name != LIST or not first.isreg() or first.size > LIST_BYTES:
        raise ParcelError(f"{name}: does not begin with {LIST}; it is no result of a collection")
    try:
        this = msgspec.json.decode(_read(tar, first), type=List)
    except (msgspec.DecodeError, msgspec.ValidationError, tarfile.TarError) as error:
        raise ParcelError(f"{name}: {LIST} cannot be read ({error})") from error
    if this.schema_version != SCHEMA_VERSION:
        raise ParcelError(
            f"{name}: parcel schema {this.schema_version}, this version reads {SCHEMA_VERSION}; ingest it with "
            f"tokenclock {this.code_version}"
        )
    return this


def _read(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    content = tar.extractfile(entry)
    return content.read() if content else b""


def _lay(tar: tarfile.TarFile, entry: tarfile.TarInfo, vouched: Packed, name: str, into: Path) -> None:
    path, digest, size = into / entry.name, hashlib.sha256(), 0
    path.parent.mkdir(parents=True, exist_ok=True)
    content = tar.extractfile(entry)
    try:
        with path.open("xb") as file:
            while content and (piece := content.read(_PIECE)):
                digest.update(piece)
                size += file.write(piece)
    except (tarfile.TarError, EOFError) as error:
        raise ParcelError(f"{name}: the tar is damaged in `{entry.name}` ({error})") from error
    if (digest.hexdigest(), size) != (vouched.sha256, vouched.bytes):
        raise ParcelError(f"{name}: `{entry.name}` is not the file of its list: another hash or length")
