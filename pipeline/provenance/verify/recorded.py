"""Traces against what vouches for them: files against manifests, manifests against the ledger.

A manifest that was rewritten with its files is found by the ledger's entry, and a ledger that was rewritten with
both by the head that the warehouse (`pipeline.provenance.verify.published`) or somebody's notebook holds.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl

from pipeline import expiry, ledger, trace
from pipeline.provenance.verify.difference import ABSENT, Difference
from pipeline.provenance.verify.work import Work
from pipeline.trace import Manifest


def ledger_differences(this: Work, head: str | None) -> Iterator[Difference]:
    """Whatever is not as it was entered, was never entered, or is gone."""
    traces = this.layout.traces
    name = f"traces/{ledger.NAME}"
    try:
        lines = ledger.read(traces)
    except ledger.LedgerError as error:
        yield Difference("ledger", name, str(error), "a chain in which each entry holds the hash of the one before")
        return
    if head is not None and head not in {line.head for line in lines}:
        yield Difference("ledger", name, "no entry with this head: it was rewritten", f"head {head}")
    if not lines:
        this.notes.append("no ledger yet: manifests vouch for the traces, and nothing for the manifests")
        return
    entered: dict[str, list[str]] = {}
    for line in lines:
        entered.setdefault(line.entry.path, []).append(line.entry.sha256)
    this.count("entries of the ledger", len(lines))
    yield from _against_disk(this, entered)


def _against_disk(this: Work, entered: dict[str, list[str]]) -> Iterator[Difference]:
    on_disk = ledger.closed(this.layout.traces)
    mine = tuple(f"night={night}/" for night in this.nights)
    for path in sorted({*on_disk, *entered}):
        if path.startswith(mine) or not this.is_of_some_nights:
            known = entered.get(path, [])
            valid = known if path.endswith("/targets.json") else known[:1]  # a census is taken by each collection
            if path not in on_disk:
                if not _is_under_way(this.layout.traces / path):
                    yield Difference("ledger", f"traces/{path}", "the file is gone", f"sha256 {valid[-1]}")
            elif not valid:
                yield Difference(
                    "ledger", f"traces/{path}", f"sha256 {on_disk[path]}", "never entered in the ledger"
                )
            elif on_disk[path] not in valid:
                yield Difference(
                    "ledger", f"traces/{path}", f"sha256 {on_disk[path]}", f"sha256 {valid[-1]} as entered"
                )


def _is_under_way(path: Path) -> bool:
    """A run that was entered and is being put in place, or a census that is being written."""
    return path.name == "targets.json" or path.parent.with_name(f".{path.parent.name}").exists()


def trace_differences(this: Work, night: date) -> Iterator[Difference]:
    """Whatever in a night's runs is not what their manifests vouch for."""
    gone = expiry.of(this.layout.traces, night)
    for path in sorted((this.layout.traces / f"night={night}").glob("target=*/[!.]*")):
        if path.is_dir():
            yield from _run(this, path, gone)


def _run(this: Work, folder: Path, gone: expiry.Expired | None) -> Iterator[Difference]:
    where = folder.relative_to(this.layout.traces).as_posix()
    name = f"traces/{where}"
    try:
        one = trace.read_manifest(folder / "manifest.json")
    except (trace.TraceError, FileNotFoundError) as error:
        yield Difference("traces", f"{name}/manifest.json", str(error), "a manifest")
        return
    this.count("runs")
    if (said := trace.run_path(one.night, one.target.name, one.run_id)) != where:
        yield Difference("traces", f"{name}/manifest.json", f"the manifest of {said}", f"the manifest of {where}")
        return
    expired = gone.runs if gone else {}
    for file, known in one.files.items():
        path = folder / file
        this.count("files")
        if not path.exists():
            if file != expiry.READS or where not in expired or expired[where].sha256 != known.sha256:
                yield Difference("traces", f"{name}/{file}", "the file is gone", f"sha256 {known.sha256}")
        elif (sha256 := trace.sha256(path)) != known.sha256:
            yield Difference(
                "traces", f"{name}/{file}", f"sha256 {sha256}", f"sha256 {known.sha256} by the manifest"
            )
            return
    for file in sorted(path.name for path in folder.iterdir() if path.name not in {*one.files, "manifest.json"}):
        yield Difference("traces", f"{name}/{file}", "a file", f"{ABSENT}: the manifest knows of none")
    yield from _contents(name, folder, one)


def _contents(name: str, folder: Path, one: Manifest) -> Iterator[Difference]:
    """Requests that say themselves how much they hold, against what is there."""
    if not (folder / "requests.parquet").exists():
        return
    requests = pl.read_parquet(folder / "requests.parquet")
    if requests.height != one.requests_recorded:
        counts = (f"{requests.height} requests", f"{one.requests_recorded} requests by the manifest")
        yield Difference("traces", f"{name}/requests.parquet", *counts)
    strays = requests.filter(pl.col("run_id") != one.run_id)["request_id"]
    if not strays.is_empty():
        yield Difference("traces", f"{name}/requests.parquet", f"request {strays[0]}", f"requests of {one.run_id}")
    if (folder / expiry.READS).exists():
        reads = pl.read_parquet(folder / expiry.READS, columns=["request_id", "payload"])
        yield from _sizes(f"{name}/{expiry.READS}", requests, reads)


def _sizes(file: str, requests: pl.DataFrame, reads: pl.DataFrame) -> Iterator[Difference]:
    """Bytes and reads of each response, as the request counted them while they came."""
    sums = reads.group_by("request_id").agg(
        body_bytes_read=pl.col("payload").bin.size().cast(pl.Int64).sum(), reads_read=pl.len().cast(pl.Int64)
    )
    both = requests.select("request_id", "body_bytes", "read_count").join(
        sums, on="request_id", how="full", coalesce=True
    )
    for name, found in (("read_count", "reads_read"), ("body_bytes", "body_bytes_read")):
        off = both.filter(pl.col(found).fill_null(0) != pl.col(name).fill_null(0)).sort("request_id")
        if not off.is_empty():
            row = off.row(0, named=True)
            said = (f"{row[found] or 0} by the reads", f"{row[name]} by the request")
            yield Difference("traces", file, *said, row=f"request_id = {row['request_id']}", column=name)
            return
