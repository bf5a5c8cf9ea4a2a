"""A parcel comes home whole or not at all: every sign of tampering is planted once."""

import io
import json
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import polars as pl
import pytest

from pipeline import ledger, trace
from pipeline.collect import parcel
from pipeline.collect.ingest import ingest
from pipeline.collect.parcel import LIST, ParcelError
from pipeline.layout import Layout
from tests import nights, streams

NIGHT = streams.NIGHT
STARTED = datetime(2026, 11, 24, 2, tzinfo=UTC)
RUN = f"{NIGHT}.t.w.s.r01"
FOLDER = f"target=t/{RUN}"


@pytest.fixture(scope="module")
def away(tmp_path_factory):
    """A night that was recorded on another machine."""
    layout = Layout(tmp_path_factory.mktemp("away"), tmp_path_factory.mktemp("site"))
    nights.record(layout)
    nights.calibrate(layout, NIGHT)
    folder = trace.run_folder(layout.traces, NIGHT, "t", RUN)
    path = folder / "manifest.json"
    one = msgspec.structs.replace(
        trace.read_manifest(path), anchor_unix_ns=int(STARTED.timestamp() * 1e9), started_at=STARTED.isoformat()
    )
    trace.write_json(path, one)
    (folder.parent / "engine.r01.log").write_text("ready\n")
    return layout


@pytest.fixture(scope="module")
def packed(away):
    out = io.BytesIO()
    parcel.pack(away.traces, NIGHT, "here", out)
    return out.getvalue()


def members(packed):
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}


def repacked(files, /, **changed):
    """A parcel with these files and a list that vouches for them, however wrong they are."""
    listed = msgspec.json.decode(files[LIST], type=parcel.List)
    vouched = {name: parcel.packed(io.BytesIO(data)) for name, data in files.items() if name != LIST}
    listed = msgspec.structs.replace(listed, **{"files": vouched, **changed})
    return bare({**files, LIST: msgspec.json.encode(listed)})


def bare(files, *again, **kinds):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in [*files.items(), *((name, files[name]) for name in again)]:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            for key, value in kinds.get(name, {}).items():
                setattr(entry, key, value)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def take(layout, content):
    return ingest(layout.traces, io.BytesIO(content), "x.tar")


def contents(traces):
    return {path.relative_to(traces): path.read_bytes() for path in traces.rglob("*") if path.is_file()}


def test_a_parcel_comes_home_byte_for_byte(layout, away, packed):
    taken = take(layout, packed)
    assert [one.run_id for one in taken.new] == [RUN]
    of_night = Path(f"night={NIGHT}")
    there = {path: data for path, data in contents(away.traces).items() if of_night in path.parents}
    del there[of_night / "targets.json"]
    here = contents(layout.traces)
    assert {path: data for path, data in here.items() if of_night in path.parents} == there
    entered = {line.entry.path for line in ledger.read(layout.traces)}
    assert entered == {str(path) for path in there if path.suffix == ".json"}
    requests, reads = trace.load(layout.traces, NIGHT)
    assert (requests.height, reads.height) == (3, 3 * len(streams.GOLDEN))


def test_taking_it_in_again_changes_nothing(layout, packed):
    take(layout, packed)
    before = contents(layout.traces)
    again = take(layout, packed)
    assert (again.new, [one.run_id for one in again.known]) == ([], [RUN])
    assert contents(layout.traces) == before


def test_a_log_that_grew_takes_the_place_of_its_beginning_and_another_stands_beside_it(layout, packed):
    take(layout, packed)
    files = members(packed)
    take(layout, repacked({**files, "target=t/engine.r01.log": b"ready\nstopped\n"}))
    take(layout, repacked({**files, "target=t/engine.r01.log": b"another start\n"}))
    logs = {path.read_text() for path in layout.traces.rglob("engine*.log")}
    assert logs == {"ready\nstopped\n", "another start\n"}


def edited(files, /, **changed):
    """The files with a manifest that says something else."""
    manifest = {**json.loads(files[f"{FOLDER}/manifest.json"]), **changed}
    return {**files, f"{FOLDER}/manifest.json": json.dumps(manifest).encode()}


def with_requests(files, change):
    """The files with other requests, which the manifest vouches for."""
    name = f"{FOLDER}/requests.parquet"
    out = io.BytesIO()
    change(pl.read_parquet(files[name])).write_parquet(out)
    manifest = json.loads(files[f"{FOLDER}/manifest.json"])
    manifest["files"]["requests.parquet"]["sha256"] = parcel.packed(io.BytesIO(out.getvalue())).sha256
    return {**edited(files, files=manifest["files"]), name: out.getvalue()}


def anchored(files, at, started=None):
    return edited(files, anchor_unix_ns=int(at.timestamp() * 1e9), started_at=(started or at).isoformat())


SIGNS = {
    "a file that is not in the list": (
        lambda files: bare({**files, "target=t/engine.r02.log": b"x"}),
        "`target=t/engine.r02.log` and its list does not",
    ),
    "a file twice": (lambda files: bare(files, f"{FOLDER}/reads.parquet"), "reads.parquet` twice"),
    "a file that is missing": (
        lambda files: bare({name: data for name, data in files.items() if not name.endswith("reads.parquet")}),
        "in its list and missing",
    ),
    "another content": (
        lambda files: bare({**files, f"{FOLDER}/reads.parquet": files[f"{FOLDER}/reads.parquet"][:-1] + b"x"}),
        "another hash or length",
    ),
    "a path that leads out": (
        lambda files: repacked({**files, "../../outside.json": b"{}"}),
        "`../../outside.json`, which is nothing that a recorder writes",
    ),
    "an absolute path": (
        lambda files: repacked({**files, "/outside.json": b"{}"}),
        "nothing that a recorder writes",
    ),
    "a link": (
        lambda files: bare(
            files, **{f"{FOLDER}/reads.parquet": {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}}
        ),
        "nothing that a recorder writes",
    ),
    "a hidden file": (
        lambda files: repacked({**files, f"target=t/.{RUN}/journal": b""}),
        "nothing that a recorder",
    ),
    "no list": (lambda files: bare({name: data for name, data in files.items() if name != LIST}), "not begin with"),
    "a list of another kind": (lambda files: bare({**files, LIST: b'{"hello": 1}'}), "cannot be read"),
    "a list of tomorrow's version": (lambda files: repacked(files, schema_version=9), "parcel schema 9"),
    "a manifest that names other files": (
        lambda files: repacked({k: v for k, v in files.items() if not k.endswith("/requests.parquet")}),
        "its manifest names",
    ),
    "a file that the list vouches for and the manifest does not": (
        lambda files: repacked({**files, f"{FOLDER}/reads.parquet": b"other"}),
        "not the file its manifest vouches for",
    ),
    "a manifest of another run": (
        lambda files: repacked(edited(files, run_id="other")),
        "its manifest is of run other",
    ),
    "a manifest of another night": (
        lambda files: repacked(edited(files, night="2026-11-25")),
        "night 2026-11-25",
    ),
    "a run without a manifest": (
        lambda files: repacked({k: v for k, v in files.items() if not k.endswith("manifest.json")}),
        "has no manifest",
    ),
    "a damaged manifest": (
        lambda files: repacked({**files, f"{FOLDER}/manifest.json": b"{}"}),
        "damaged manifest",
    ),
    "another recorder": (lambda files: repacked(files, recorder="vault"), "recorded by 'here', and the list says"),
    "a clock anchor before the night": (
        lambda files: repacked(anchored(files, STARTED - timedelta(days=1))),
        "outside its night",
    ),
    "a clock anchor after the night": (
        lambda files: repacked(anchored(files, STARTED + timedelta(days=2))),
        "outside its night",
    ),
    "a date that is not the anchor's": (
        lambda files: repacked(anchored(files, STARTED, STARTED + timedelta(hours=2))),
        "far from its clock anchor",
    ),
    "fewer requests than the manifest says": (
        lambda files: repacked(with_requests(files, lambda frame: frame.head(2))),
        "holds 2 requests, and its manifest says 3",
    ),
    "a request of another run": (
        lambda files: repacked(with_requests(files, lambda f: f.with_columns(run_id=pl.lit("other")))),
        "a request of run_id other",
    ),
    "reads of a request that is not there": (
        lambda files: repacked(with_requests(files, lambda f: f.with_columns(request_id=pl.lit("other")))),
        "reads of a request",
    ),
    "a calibration under another's name": (
        lambda files: repacked({**files, "calibration/x.json": files[calibration(files)]}),
        "bears another's name",
    ),
    "a calibration that is none": (
        lambda files: repacked({**files, calibration(files): b"[]"}),
        "is no calibration",
    ),
    "half a tar": (lambda files: bare(files)[: len(bare(files)) // 2], "damaged|missing"),
    "no tar": (lambda _files: b"hello" * 1000, "not a tar"),
    "nothing": (lambda _files: b"", "not a tar"),
}


def calibration(files):
    return next(name for name in files if name.startswith("calibration/"))


@pytest.mark.parametrize("sign", SIGNS)
def test_a_parcel_with_a_sign_of_tampering_is_refused_and_changes_nothing(layout, packed, sign):
    change, said = SIGNS[sign]
    with pytest.raises(ParcelError, match=said):
        take(layout, change(members(packed)))
    assert list(layout.traces.rglob("*")) == []
    assert not (layout.data.parent / "outside.json").exists()


def test_a_run_that_is_here_with_other_content_is_refused_and_stays_as_it_is(layout, packed):
    take(layout, packed)
    before = contents(layout.traces)
    with pytest.raises(ParcelError, match="is here already, with other content"):
        take(layout, repacked(edited(members(packed), error="touched")))
    assert contents(layout.traces) == before


def test_a_clock_that_runs_ahead_is_told_with_the_cure(layout, packed):
    ahead = datetime.now(UTC) + timedelta(hours=1)
    files = edited(anchored(members(packed), ahead), night=str(ahead.date()))
    with pytest.raises(ParcelError, match="still to come: set that machine's clock"):
        take(layout, repacked(files, night=ahead.date()))
