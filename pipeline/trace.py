"""What was recorded: the schema of requests and socket reads, and their Parquet files.

The one thing that the recording and the understanding half share. Offsets are monotonic nanoseconds:
of a request from the run's clock anchor, of everything inside a request from `sent`.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import date
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from polars.io.plugins import register_io_source

from pipeline.errors import TokenclockError

SCHEMA_VERSION = 1
ROW_GROUP = 250_000
PACKED: dict[str, Any] = {"compression": "zstd", "compression_level": 1, "row_group_size": ROW_GROUP}
"""How tables are written. Higher levels of zstd took a tenth longer for `events`, and its file was no smaller."""

Columns = dict[str, pl.DataType | type[pl.DataType]]

_REQUESTS: Columns = {
    "request_id": pl.String,
    "run_id": pl.String,
    "night": pl.Date,
    "target": pl.String,
    "workload": pl.String,
    "scenario": pl.String,
    "round": pl.Int32,
    "request_index": pl.Int32,
    "attempt": pl.Int32,
    "retry_of": pl.String,
    "is_warmup": pl.Boolean,
    "dialect": pl.String,
    "model": pl.String,
    "url": pl.String,
    "request_body": pl.Binary,
    "tokens_requested": pl.Int64,
    "scheduled_ns": pl.Int64,
    "sent_ns": pl.Int64,
    "connect_started_ns": pl.Int64,
    "dns_ns": pl.Int64,
    "tcp_ns": pl.Int64,
    "tls_ns": pl.Int64,
    "is_connection_reused": pl.Boolean,
    "http_status": pl.Int32,
    "response_headers": pl.List(pl.Struct({"name": pl.String, "value": pl.String})),
    "end_ns": pl.Int64,
    "outcome": pl.String,
    "error": pl.String,
    "read_count": pl.Int32,
    "body_bytes": pl.Int64,
    "clock_source": pl.String,
}

_READS: Columns = {
    "request_id": pl.String,
    "read_index": pl.Int32,
    "at_ns": pl.Int64,
    "user_ns": pl.Int64,
    "wire_bytes": pl.Int32,
    "payload": pl.Binary,
}

# Samples of the hardware, one a device and tick. A run without any has no such file.
_HARDWARE: Columns = {
    "run_id": pl.String,
    "device": pl.String,
    "at_ns": pl.Int64,
    "read_ns": pl.Int64,
    "power_mw": pl.Int64,
    "energy_uj": pl.Int64,
    "gpu_utilisation_pct": pl.Int32,
    "memory_utilisation_pct": pl.Int32,
    "memory_used_bytes": pl.Int64,
    "sm_clock_mhz": pl.Int32,
    "memory_clock_mhz": pl.Int32,
    "temperature_c": pl.Int32,
    "throttle_reasons": pl.Int64,
    "error": pl.String,
}

REQUESTS = pl.Schema(_REQUESTS)
READS = pl.Schema(_READS)
HARDWARE = pl.Schema(_HARDWARE)
PAYLOAD_BYTES = "payload_bytes"
_LOADED: Columns = {**_READS, PAYLOAD_BYTES: pl.UInt32}

SCHEMAS = {"requests.parquet": REQUESTS, "reads.parquet": READS}
FILES = {**SCHEMAS, "hardware.parquet": HARDWARE}
ENGINE_METRICS = "engine_metrics.ndjson.zst"  # an engine's own Prometheus pages, as they came
SCRAPES = "engine_metrics.ndjson"  # the same of a run in progress; closed runs of before 2026-11-28 keep them so
METRICS_LEVEL = 12  # vLLM's pages become a fortieth, in 0.2 s for two minutes of them
SAMPLES = "hardware.ndjson"  # samples of a run in progress; sealing turns them into hardware.parquet

Part = tuple[pl.DataFrame, pl.DataFrame]
"""Some requests of a run and all their reads: frames of `SCHEMAS`, in its order."""

_RISING = {"read_index", "at_ns", "user_ns"}  # columns that are small as differences

OUTCOMES = ("ended", "broken_off", "bad_framing", "timed_out", "not_connected", "cancelled", "over_limit")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A target as it stood when it was measured; tables take its facts from here, never from a plan."""

    name: str
    title: str
    kind: str
    provider: str
    provider_title: str
    engine: str | None
    model: str
    model_title: str
    model_id: str
    family: str
    tokenizer: str | None
    dialect: str
    url: str | None
    hardware: str | None
    region: str | None
    precision: str | None
    provenance: str
    usd_per_million_input: float | None = None
    usd_per_million_output: float | None = None
    price_source: str | None = None
    usd_per_hour: float | None = None
    rent_source: str | None = None
    may_publish: bool = True
    echoed_as: list[str] = []
    max_usd: float | None = None
    reason: str | None = None


class File(msgspec.Struct, frozen=True):
    """A file of a run, by content."""

    sha256: str
    rows: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a run beside its reads. `outcome`: finished, interrupted, failed, stopped or refused.

    `requests_recorded` were kept, warm-up included; `requests_lost` were begun, and nothing of them is kept. A long
    request that was under way when the process ended is kept up to its last segment, as `cancelled`.
    `concurrency`: requests in flight, at most. `load`: scenario and workload as planned, and as `flow` what came
    through: reads a second of a stream, most requests in flight. `clock`: how the kernel's
    stamps were mapped to the monotonic clock. `hardware`: the machine of an engine of ours, and its sampling.
    """

    schema_version: int
    run_id: str
    night: date
    workload: str
    scenario: str
    round: int
    concurrency: int
    load: dict[str, Any] | None = None
    target: Target
    requests_planned: int
    warmup_planned: int
    requests_recorded: int
    requests_lost: int | None = None
    outcome: str
    error: str | None
    started_at: str
    anchor_monotonic_ns: int
    anchor_unix_ns: int
    plan_sha256: str
    code_version: str
    code_commit: str | None
    host: dict[str, Any]
    clock: dict[str, Any] | None = None
    hardware: dict[str, Any] | None = None
    engine: dict[str, Any] | None
    files: dict[str, File]


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """The recorder held against the truth server once, before or after a round. `error`: why it could not be.

    `recorder`: the machine that was calibrated, as in `host` of a manifest. `concurrency` streams at once of
    `tok_s` each; `rate_req_s`: arrivals a second where it speaks for an open loop.
    """

    schema_version: int
    recorder: str = "here"
    night: date
    round: int
    moment: str
    measured_at: str
    concurrency: int
    tok_s: float
    rate_req_s: float | None = None
    found: dict[str, Any] | None
    error: str | None

    @property
    def name(self) -> str:
        """Its file's name, in order of time."""
        where = "" if self.recorder == "here" else f".{self.recorder}"
        moment = f"r{self.round:02d}.{self.moment}.c{self.concurrency}"
        return f"{self.measured_at.replace(':', '')}.{moment}{where}.json"


class PlannedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that a night's plan has, whatever became of it."""

    target: str
    workload: str
    scenario: str
    round: int


class Night(msgspec.Struct, frozen=True, kw_only=True):
    """The census of a night: every target of the plan, with the reason where it was not measured.

    `runs` are those of the plan, skipped targets among them; None in a census that is older than the list.
    """

    schema_version: int
    night: date
    plan_sha256: str
    rounds: int
    targets: list[Target]
    runs: list[PlannedRun] | None = None
    max_usd: float | None = None


_Told = TypeVar("_Told", Manifest, Calibration, Night)


class TraceError(TokenclockError):
    """A stored trace cannot be read; the message names the file and the cure."""


class DiskError(TraceError):
    """A file could not be written; the message names it and the cure."""


def reason(error: BaseException) -> str:
    """What the system said of an error."""
    cause = error.__cause__ or error
    return cause.strerror or str(cause) if isinstance(cause, OSError) else str(error)


@contextmanager
def _writing(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to, renamed into place in the end; what fails leaves nothing of it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield aside
        aside.replace(path)
    except OSError as error:
        raise DiskError(
            f"{path}: cannot be written ({reason(error)}); make room on that disk, or mend it, and run again"
        ) from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def write_json(path: Path, value: msgspec.Struct) -> None:
    """Write `value` as JSON in one step: a reader sees the old file or the new one."""
    replace(path, json_bytes(value))


def json_bytes(value: msgspec.Struct) -> bytes:
    """What `write_json` writes: equal values give equal bytes."""
    return msgspec.json.format(msgspec.json.encode(value, order="deterministic"), indent=2) + b"\n"


def replace(path: Path, content: bytes) -> None:
    """Write a file aside, sync it and rename it into place."""
    with _writing(path) as aside, aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk itself."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_parquet(frame: pl.DataFrame, path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a frame so that equal frames give equal bytes, in one rename; `metadata` is kept in the file."""
    with _writing(path) as aside:
        frame.rechunk().write_parquet(aside, **PACKED, metadata=metadata)


def write_parts(parts: Iterable[pl.DataFrame], path: Path, metadata: dict[str, str] | None = None) -> int:
    """Write frames one behind the other, in the bytes of `write_parquet`, without holding all; return the rows."""
    given = iter(parts)
    first = next(given)
    failed: list[BaseException] = []
    rows = 0

    def frames(*_: object) -> Iterator[pl.DataFrame]:
        nonlocal rows
        try:
            for frame in chain([first], given):
                rows += frame.height
                yield frame
        except BaseException as error:  # polars would tell of it in its own words
            failed.append(error)
            raise

    with _writing(path) as aside:
        try:
            register_io_source(frames, schema=first.schema).sink_parquet(aside, **PACKED, metadata=metadata)
        except pl.exceptions.PolarsError:
            if failed:
                raise failed[0] from None
            raise
    return rows


def sha256(path: Path) -> str:
    """Hash a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def run_folder(traces: Path, night: date, target: str, run_id: str) -> Path:
    """Where a finished run lies."""
    return traces / run_path(night, target, run_id)


def run_path(night: date, target: str, run_id: str) -> str:
    """The same, under the folder of all traces."""
    return f"night={night.isoformat()}/target={target}/{run_id}"


def write_run(folder: Path, parts: Iterable[Part]) -> dict[str, File]:
    """Write a run's Parquet files, a row group a part: a run of any length needs the memory of one part.

    Returns what its manifest is to vouch for. Equal parts give equal bytes.
    """
    rows = dict.fromkeys(SCHEMAS, 0)
    with ExitStack() as open_files:
        writers = {name: open_files.enter_context(_writer(folder / name, SCHEMAS[name])) for name in SCHEMAS}
        for part in parts:
            for name, frame in zip(SCHEMAS, part, strict=True):
                writers[name].write_table(_arrow(frame))
                rows[name] += frame.height
    return {name: File(sha256(folder / name), rows[name]) for name in SCHEMAS}


@contextmanager
def _writer(path: Path, schema: pl.Schema) -> Iterator[pq.ParquetWriter]:
    """A Parquet file to be written in row groups, on the disk itself when it is closed."""
    deltas = dict.fromkeys(_RISING & set(schema), "DELTA_BINARY_PACKED")
    names = [name for name in schema if name not in _RISING]
    with path.open("wb") as file:
        arrow = _arrow(schema.to_frame()).schema
        with pq.ParquetWriter(
            file, arrow, compression="zstd", use_dictionary=names, column_encoding=deltas or None
        ) as writer:
            yield writer
        file.flush()
        os.fsync(file.fileno())


def _arrow(frame: pl.DataFrame) -> pa.Table:
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())


def seal_samples(folder: Path, run_id: str) -> dict[str, File]:
    """Turn the samples of a run, if there are any, into a file of it; a line that a crash cut short ends them."""
    samples, name = folder / SAMPLES, "hardware.parquet"
    whole = samples.read_bytes().rpartition(b"\n")[0] if samples.exists() else b""
    if not whole:
        return {}
    rows = pl.read_ndjson(whole, schema={key: kind for key, kind in HARDWARE.items() if key != "run_id"})
    write_parquet(rows.select(pl.lit(run_id).alias("run_id"), pl.all()).sort("at_ns", "device"), folder / name)
    return {name: File(sha256(folder / name), rows.height)}


def seal_engine_metrics(folder: Path) -> dict[str, File]:
    """Compress what an engine said of itself, where it was asked: page after page is nearly the same text."""
    scrapes, sealed = folder / SCRAPES, folder / ENGINE_METRICS
    if not scrapes.exists():
        return {}
    whole = scrapes.read_bytes()
    replace(sealed, pa.Codec("zstd", compression_level=METRICS_LEVEL).compress(whole, asbytes=True))
    return {sealed.name: File(sha256(sealed), whole.count(b"\n"))}


def nights(traces: Path) -> list[date]:
    """Nights with anything recorded, oldest first."""
    return sorted(date.fromisoformat(path.name.removeprefix("night=")) for path in traces.glob("night=*"))


def manifests(traces: Path, night: date) -> list[Manifest]:
    """Manifests of a night's closed runs, in the order of their ids."""
    return [read_manifest(path) for path in _closed(traces, night)]


def manifest_hashes(traces: Path, night: date) -> dict[str, str]:
    """The hash of the manifest of each closed run of a night."""
    return {path.parent.name: sha256(path) for path in _closed(traces, night)}


def _closed(traces: Path, night: date) -> Iterator[Path]:
    found = (traces / f"night={night.isoformat()}").glob("target=*/[!.]*/manifest.json")
    yield from sorted(found, key=lambda path: path.parent.name)


def read_manifest(path: Path) -> Manifest:
    """Read one manifest; a damaged one is an error that names it."""
    return _read(path, Manifest, "manifest", "move the run's folder away")


def _read(path: Path, kind: type[_Told], what: str, otherwise: str) -> _Told:
    """What was told of a night; what is damaged, or of another schema, is an error with the cure."""
    try:
        told = msgspec.json.decode(path.read_bytes(), type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise TraceError(f"{path}: damaged {what} ({error}); restore it from a backup, or {otherwise}") from error
    if told.schema_version != SCHEMA_VERSION:
        raise TraceError(
            f"{path}: trace schema {told.schema_version}, this version reads {SCHEMA_VERSION}; "
            "use the tokenclock version named in the code_version of the night's manifests"
        )
    return told


def read_night(traces: Path, night: date) -> Night | None:
    """The census of a night, or None where none was taken."""
    path = traces / f"night={night.isoformat()}" / "targets.json"
    return (
        _read(path, Night, "census", "move it away: targets without a run are then unknown")
        if path.exists()
        else None
    )


def write_calibration(traces: Path, one: Calibration) -> Path:
    """Keep a calibration beside the runs that it speaks for; return its path."""
    path = traces / f"night={one.night.isoformat()}" / "calibration" / one.name
    write_json(path, one)
    return path


def calibrations(traces: Path, night: date) -> list[Calibration]:
    """All calibrations of a night, in order of time."""
    found = sorted((traces / f"night={night.isoformat()}" / "calibration").glob("[!.]*.json"))
    return [_read(path, Calibration, "calibration", "move it away") for path in found]


def load(traces: Path, night: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All requests and reads of a night's closed runs: frames of `REQUESTS` and `READS`, sorted."""
    return load_runs(traces, manifests(traces, night))


def load_runs(
    traces: Path,
    runs: Iterable[Manifest],
    only: Callable[[pl.LazyFrame], pl.LazyFrame] | None = None,
    requests: Sequence[str] = tuple(_REQUESTS),
    reads: Sequence[str] = tuple(_READS),
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The requests and reads of some closed runs: frames of `REQUESTS` and `READS`, sorted.

    `only` picks rows. `requests` and `reads` are the columns that are wanted, `request_id` and `read_index` among
    them; none, and the files are not opened. `payload_bytes` is the size of a payload: its bytes are not held then.
    """
    known = [(one, run_folder(traces, one.night, one.target.name, one.run_id)) for one in runs]
    keep = only or (lambda rows: rows)

    def found(name: str, schema: pl.Schema, wanted: Sequence[str]) -> pl.DataFrame:
        kept = pl.Schema({name: kind for name, kind in schema.items() if name in wanted})
        columns = [payload_bytes() if name == PAYLOAD_BYTES else pl.col(name) for name in kept]
        opened = known if kept else []
        return _concat([keep(_verified(folder, name, one)).select(columns) for one, folder in opened], kept)

    return (
        _sorted(found("requests.parquet", REQUESTS, requests), "request_id"),
        _sorted(found("reads.parquet", pl.Schema(_LOADED), reads), "request_id", "read_index"),
    )


def _sorted(rows: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Rows in order. They mostly are, and to look is far cheaper than to sort."""
    if rows.is_empty():
        return rows
    request, position = pl.col(by[0]), pl.col(by[-1])
    before = request.shift(1)
    follows = (request > before) | ((request == before) & (position > position.shift(1)))
    return rows.set_sorted(by[0]) if rows.select(follows.slice(1).all()).item() else rows.sort(by)


def payload_bytes() -> pl.Expr:
    """The size of each read's payload, under its name."""
    return pl.col("payload").bin.size().alias(PAYLOAD_BYTES)


def load_ids(traces: Path, runs: Iterable[Manifest]) -> pl.DataFrame:
    """Which requests some closed runs have, and how many reads each: columns of `REQUESTS`, sorted."""
    names = ("run_id", "request_id", "read_count")
    known = [(one, run_folder(traces, one.night, one.target.name, one.run_id)) for one in runs]
    found = [_verified(folder, "requests.parquet", one).select(names) for one, folder in known]
    return _concat(found, pl.Schema({name: REQUESTS[name] for name in names})).sort("request_id")


def load_run(folder: Path) -> tuple[Manifest, pl.DataFrame, pl.DataFrame]:
    """One closed run: its manifest, requests and reads."""
    manifest = read_manifest(folder / "manifest.json")
    requests, reads = (_verified(folder, name, manifest).collect() for name in SCHEMAS)
    return manifest, requests, reads


def load_hardware(traces: Path, night: date) -> pl.DataFrame:
    """All samples of the hardware during a night's closed runs: a frame of `HARDWARE`, sorted."""
    known = [(read_manifest(path), path.parent) for path in _closed(traces, night)]
    sampled = [(one, folder) for one, folder in known if "hardware.parquet" in one.files]
    frames = [_verified(folder, "hardware.parquet", one) for one, folder in sampled]
    return _concat(frames, HARDWARE).sort("run_id", "at_ns", "device")


def _verified(folder: Path, name: str, manifest: Manifest) -> pl.LazyFrame:
    """A run's file to read from, only if it is, to the byte, what its manifest vouches for."""
    expected = manifest.files[name].sha256
    path = folder / name
    if not path.exists() or _sha256_as_of(path, path.stat().st_mtime_ns, path.stat().st_size) != expected:
        raise TraceError(
            f"{path}: missing, or not the file its manifest vouches for; "
            "restore it from a backup, or move the run's folder away"
        )
    return _as_of_now(pl.scan_parquet(path), FILES[name])


@lru_cache(maxsize=4096)
def _sha256_as_of(path: Path, _changed_ns: int, _size: int) -> str:
    """Hash a file once: a night's tables read it many times."""
    return sha256(path)


def _as_of_now(rows: pl.LazyFrame, schema: pl.Schema) -> pl.LazyFrame:
    """A file of an earlier version lacks the columns that came later: nobody recorded them, so they are null."""
    known = rows.collect_schema()
    missing = [pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in known]
    return rows.with_columns(missing).select(schema.names())


def _concat(parts: Iterable[pl.LazyFrame], schema: pl.Schema) -> pl.DataFrame:
    return pl.concat([schema.to_frame(), *pl.collect_all(parts, engine="streaming")], rechunk=True)
