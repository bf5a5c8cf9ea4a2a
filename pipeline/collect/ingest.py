"""Runs that were recorded elsewhere, taken in as if they had been recorded here: checked first, then put in place.

Belongs here: whether what a parcel says can be true, and the renames that make it part of the traces. Nothing is
put in place before all of it has been checked; each run appears at once, and taking the same parcel in again
changes nothing.
"""

import itertools
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import msgspec
import polars as pl

from pipeline import ledger, trace
from pipeline.collect import parcel
from pipeline.collect.parcel import ParcelError

LENGTH = timedelta(days=1, hours=12)  # from a night's beginning to its last run, with its grace and much to spare
SKEW = timedelta(minutes=10)  # how far two stamps of one clock may lie apart
STALE_S = 86_400.0
STAGING = ".incoming-"


@dataclass(frozen=True)
class Taken:
    """What a parcel brought: runs that are new, and those that were here already."""

    listed: parcel.List
    new: list[trace.Manifest]
    known: list[trace.Manifest]


def ingest(traces: Path, file: BinaryIO, name: str) -> Taken:
    """Take a parcel in. Raises `ParcelError`, and has changed nothing, where it shows a sign of tampering."""
    with _staging(traces) as staged:
        this = parcel.unpack(file, name, staged)
        runs = [_checked(folder, this, name) for folder in _runs(staged)]
        _check_calibrations(staged, this, name)
        home = traces / f"night={this.night.isoformat()}"
        known = [run for run in runs if _is_known(home, run, staged, name)]
        new = [run for run in runs if run not in known]
        _place(staged, home, new)
        ledger.enter_missing(traces)
    return Taken(this, new, known)


@contextmanager
def _staging(traces: Path) -> Iterator[Path]:
    """A folder on the disk of the traces, so that a rename puts files in place; those of killed processes go."""
    traces.mkdir(parents=True, exist_ok=True)
    for left in traces.glob(f"{STAGING}*"):
        if time.time() - left.stat().st_mtime > STALE_S:
            shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=STAGING, dir=traces) as folder:
        yield Path(folder)


def _runs(staged: Path) -> list[Path]:
    return sorted(path for path in staged.glob("target=*/*") if path.is_dir())


def _checked(folder: Path, this: parcel.List, name: str) -> trace.Manifest:
    """The manifest of a run that agrees with its place, its files, its requests and the night."""
    at = f"{name}: run {folder.name}"
    if not (folder / "manifest.json").exists():
        raise ParcelError(f"{at} has no manifest")
    try:
        run = trace.read_manifest(folder / "manifest.json")
    except trace.TraceError as error:
        raise ParcelError(f"{at}: {error}") from error
    said = (run.run_id, f"target={run.target.name}", run.night)
    if said != (folder.name, folder.parent.name, this.night):
        raise ParcelError(f"{at}: its manifest is of run {run.run_id}, {run.target.name}, night {run.night}")
    if (recorder := run.host.get("recorder", "here")) != this.recorder:
        raise ParcelError(f"{at}: recorded by {recorder!r}, and the list says {this.recorder!r}")
    _check_files(folder, run, at)
    _check_clock(run, at)
    _check_requests(folder, run, at)
    return run


def _check_files(folder: Path, run: trace.Manifest, at: str) -> None:
    there = {path.name for path in folder.iterdir()} - {"manifest.json"}
    if there != set(run.files) or not set(trace.SCHEMAS) <= there:
        raise ParcelError(f"{at}: its manifest names {sorted(run.files)}, and {sorted(there)} came")
    for file, vouched in run.files.items():
        if trace.sha256(folder / file) != vouched.sha256:
            raise ParcelError(f"{at}: {file} is not the file its manifest vouches for")


def _check_clock(run: trace.Manifest, at: str) -> None:
    """A night's run starts in the night, by its clock anchor and by its date, which agree."""
    anchor = datetime.fromtimestamp(run.anchor_unix_ns / 1e9, UTC)
    begin = datetime(run.night.year, run.night.month, run.night.day, tzinfo=UTC)
    if not begin - SKEW <= anchor <= begin + LENGTH:
        raise ParcelError(f"{at}: its clock anchor is {anchor:%Y-%m-%d %H:%M}, outside its night")
    if anchor > datetime.now(UTC) + SKEW:
        raise ParcelError(
            f"{at}: its clock anchor is {anchor:%Y-%m-%d %H:%M}, which is still to come: set that machine's clock"
        )
    if abs(datetime.fromisoformat(run.started_at) - anchor) > SKEW:
        raise ParcelError(f"{at}: started_at is {run.started_at}, far from its clock anchor {anchor.isoformat()}")


def _check_requests(folder: Path, run: trace.Manifest, at: str) -> None:
    """Requests and reads are of this run, and as many as it says."""
    try:
        requests = pl.read_parquet(folder / "requests.parquet", columns=["request_id", "run_id", "night", "target"])
        reads = pl.read_parquet(folder / "reads.parquet", columns=["request_id"])
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ParcelError(f"{at}: a file of it is no trace ({error})") from error
    if requests.height != run.requests_recorded:
        raise ParcelError(f"{at}: holds {requests.height} requests, and its manifest says {run.requests_recorded}")
    own = {"run_id": run.run_id, "night": run.night, "target": run.target.name}
    for column, value in own.items():
        strange = requests.filter(pl.col(column).ne_missing(value))
        if not strange.is_empty():
            raise ParcelError(f"{at}: holds a request of {column} {strange[column][0]}")
    if not set(reads["request_id"]) <= set(requests["request_id"]):
        raise ParcelError(f"{at}: holds reads of a request that it does not hold")


def _check_calibrations(staged: Path, this: parcel.List, name: str) -> None:
    for path in sorted(staged.glob("calibration/*.json")):
        try:
            one = msgspec.json.decode(path.read_bytes(), type=trace.Calibration)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise ParcelError(f"{name}: {path.name} is no calibration ({error})") from error
        if (one.name, one.night, one.recorder) != (path.name, this.night, this.recorder):
            raise ParcelError(
                f"{name}: {path.name} is of night {one.night}, {one.recorder}, or bears another's name"
            )


def _is_known(home: Path, run: trace.Manifest, staged: Path, name: str) -> bool:
    """Whether the very same run is here. Another one under its id is a sign of tampering, or of a mix-up."""
    place = f"target={run.target.name}/{run.run_id}/manifest.json"
    if not (home / place).exists():
        return False
    if (home / place).read_bytes() != (staged / place).read_bytes():
        raise ParcelError(
            f"{name}: run {run.run_id} is here already, with other content; keep the one that is true and move the "
            "other's folder away"
        )
    return True


def _place(staged: Path, home: Path, new: list[trace.Manifest]) -> None:
    """Logs and calibrations first: a run that can be seen has everything that belongs to it."""
    for path in sorted([*staged.glob("calibration/*.json"), *staged.glob("target=*/engine.*.log")]):
        place = _beside(path, home / path.relative_to(staged))
        place.parent.mkdir(parents=True, exist_ok=True)
        path.replace(place)
    for run in new:
        place = home / f"target={run.target.name}" / run.run_id
        place.parent.mkdir(parents=True, exist_ok=True)
        (staged / place.relative_to(home)).rename(place)


def _beside(path: Path, place: Path) -> Path:
    """The place itself, if what lies there is the beginning of the file; else one beside it."""
    if place.exists() and not path.read_bytes().startswith(place.read_bytes()):
        return place.with_name(f"{place.stem}.{trace.sha256(path)[:8]}{place.suffix}")
    return place


def refuse(inbox: Path, path: Path, why: str) -> Path:
    """Put a parcel that was refused aside, with the reason beside it; nothing is thrown away."""
    place = free(inbox / "refused" / path.name)
    path.replace(place)
    trace.replace(place.with_name(f"{place.name}.reason.txt"), f"{why}\n".encode())
    return place


def free(place: Path) -> Path:
    """A name that nothing bears yet; its folder is made."""
    place.parent.mkdir(parents=True, exist_ok=True)
    names = (place.with_name(f"{place.stem}.{number}{place.suffix}") for number in itertools.count(2))
    return place if not place.exists() else next(name for name in names if not name.exists())
