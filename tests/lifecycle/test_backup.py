import io
import json
import os
import shutil
import sqlite3
import tarfile
from pathlib import Path

import pytest
from filelock import FileLock

from pipeline import cli, ledger, publish, trace
from pipeline.layout import Layout
from pipeline.lifecycle.archive import INDEX, ArchiveError
from pipeline.lifecycle.backup import backup
from pipeline.lifecycle.restore import restore
from tests import nights, streams

PARTS = ["audits", "tables", "traces", "warehouse.duckdb"]


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A night with tables, an audit, and something in the warehouse's place: a backup copies bytes."""
    folder = tmp_path_factory.mktemp("filled")
    layout = Layout(data=folder / "data", site=folder / "site")
    nights.record(layout)
    publish.build_night(layout, streams.NIGHT)
    layout.audit("ttft", streams.NIGHT).parent.mkdir(parents=True)
    layout.audit("ttft", streams.NIGHT).write_text("{}")
    layout.warehouse.write_bytes(b"warehouse" * 1000)
    return layout


@pytest.fixture
def filled(once, layout):
    """A copy of it."""
    shutil.copytree(once.data, layout.data)
    return layout


@pytest.fixture
def empty(tmp_path):
    return Layout(data=tmp_path / "elsewhere" / "data", site=tmp_path / "elsewhere" / "site")


def files(layout):
    """All but the lock, and the stamps: they tell what was written in this folder, in whatever order."""
    names = [path for path in layout.data.rglob("*") if path.is_file() and path.name != ".collecting"]
    found = [path for path in names if path.parent != layout.stamps]
    return {path.relative_to(layout.data).as_posix(): trace.sha256(path) for path in found}


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tgz", "tar.zst"])
def test_what_was_backed_up_comes_back_to_the_byte(filled, empty, tmp_path, ending):
    made = backup(filled, tmp_path / f"b.{ending}")
    done = restore(empty, made.path)
    assert files(empty) == files(filled)
    assert done.parts == PARTS
    assert done.files == made.files == len(files(filled))
    assert done.ledger_head == made.ledger_head == ledger.read(filled.traces)[-1].head
    assert [path.name for path in empty.data.iterdir() if path.name.startswith(".")] == []


def test_tables_built_from_restored_traces_are_the_same_to_the_byte(filled, empty, tmp_path):
    restore(empty, backup(filled, tmp_path / "b.tar.zst").path)
    shutil.rmtree(empty.tables)
    publish.build_night(empty, streams.NIGHT)
    assert files(empty) == files(filled)


def test_the_commands_do_it(filled, tmp_path, capsys, monkeypatch):
    assert cli.main(["backup", "b.tar.zst", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert trace.sha256(Path(made["path"])) == made["sha256"]
    assert made["archive_bytes"] < made["bytes"]
    monkeypatch.setenv("TOKENCLOCK_DATA", str(tmp_path / "other"))
    assert cli.main(["restore", "b.tar.zst"]) == 0
    assert "next: tokenclock verify" in capsys.readouterr().out
    assert files(Layout.from_environment()) == files(filled)


def test_an_existing_file_and_a_filled_folder_are_replaced_only_when_said(filled, tmp_path):
    made = backup(filled, tmp_path / "b.tar")
    with pytest.raises(ArchiveError, match=r"b\.tar: exists; .*--overwrite"):
        backup(filled, made.path)
    nights.record(filled, target="later")
    with pytest.raises(
        ArchiveError, match=r"holds traces, tables, audits, warehouse\.duckdb already; .*--overwrite"
    ):
        restore(filled, made.path)
    before = files(filled)
    restore(filled, made.path, overwrite=True)
    assert len(files(filled)) < len(before)
    assert not list(filled.data.glob(".re*"))


def test_runs_that_a_killed_collection_left_open_are_in_it(filled, empty, tmp_path):
    from pipeline.collect.store import RunStore, recover

    run_id = f"{streams.NIGHT}.t.w.s.r02"
    RunStore(filled.traces, streams.manifest(run_id, outcome="running")).begin(f"{run_id}/0000")
    restore(empty, backup(filled, tmp_path / "b.tar").path)
    (closed,) = recover(empty.traces)
    assert (closed.run_id, closed.requests_lost) == (run_id, 1)


def test_dagsters_storage_is_in_it_where_asked_for_as_whole_databases(filled, empty, tmp_path):
    filled.dagster_home.mkdir()
    path = filled.dagster_home / "runs.db"
    with sqlite3.connect(path) as con:
        con.execute("PRAGMA journal_mode = wal")
        con.execute("CREATE TABLE t AS SELECT 42 AS a")
        con.commit()
        made = backup(filled, tmp_path / "b.tar", with_dagster=True)  # while it is open
    con.close()
    restore(empty, made.path)
    with sqlite3.connect(empty.dagster_home / "runs.db") as con:
        assert con.execute("SELECT a FROM t").fetchall() == [(42,)]
    con.close()
    assert [path.name for path in empty.dagster_home.iterdir() if path.name != "runs.db"] == []
    assert "dagster" not in restore(empty, backup(filled, tmp_path / "c.tar").path, overwrite=True).parts
    assert (empty.dagster_home / "runs.db").exists()


def test_no_backup_is_taken_of_nothing_or_beside_a_collection_or_of_an_unknown_kind(layout, tmp_path):
    with pytest.raises(ArchiveError, match="nothing to back up"):
        backup(layout, tmp_path / "b.tar")
    with pytest.raises(ArchiveError, match=r"end the name in \.tar"):
        backup(layout, tmp_path / "b.zip")
    nights.record(layout)
    with FileLock(layout.traces / ".collecting"), pytest.raises(ArchiveError, match="a collection is running"):
        backup(layout, tmp_path / "b.tar")
    assert not list(tmp_path.glob("*b.tar*"))


def test_a_disk_that_takes_no_more_leaves_nothing_of_the_backups_name(filled, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("pipeline.lifecycle.backup._add", full)
    with pytest.raises(ArchiveError, match=r"No space left on device.*make room"):
        backup(filled, tmp_path / "b.tar.gz")
    assert not list(tmp_path.glob("*b.tar*"))


def repacked(path, change):
    """The archive with its members changed: a list of (TarInfo, content)."""
    with tarfile.open(path) as tar:
        members = [(member, tar.extractfile(member).read()) for member in tar]
    other = path.with_name("other.tar")
    with tarfile.open(other, "w") as tar:
        for member, content in change(members):
            if member.isreg():
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content) if member.isreg() else None)
    return other


def member(name, kind=tarfile.REGTYPE, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda them: [(member("../evil"), b"x"), *them], r"'\.\./evil', which is no file"),
        (lambda them: [(member("/evil"), b"x"), *them], "'/evil', which is no file"),
        (lambda them: [(member("traces/../../evil"), b"x"), *them], "which is no file"),
        (lambda them: [(member("traces/evil", tarfile.SYMTYPE, "/etc"), b""), *them], "which is no file"),
        (lambda them: [(member("traces/evil", tarfile.LNKTYPE, "/etc/passwd"), b""), *them], "which is no file"),
        (lambda them: [(member("site/index.html"), b"x"), *them], "which is no file"),
        (lambda them: [(member("traces/more"), b"x"), *them], "traces/more is missing, or not the file"),
        (lambda them: [them[0], *them], "which is no file"),
        (lambda them: them[1:], "is missing, or not the file"),
        (lambda them: [(them[0][0], them[0][1] + b"x"), *them[1:]], "is missing, or not the file"),
        (lambda them: them[:-1], "has no index"),
        (lambda them: [*them[:-1], (them[-1][0], b"{}")], "its index cannot be read"),
        (lambda them: [*them[:-1], (them[-1][0], them[-1][1].replace(b'version":1', b'version":9'))],
         "backup format 9, this version reads 1"),
    ],
)  # fmt: skip
def test_an_archive_that_was_tampered_with_changes_nothing(filled, empty, tmp_path, change, said):
    other = repacked(backup(filled, tmp_path / "b.tar").path, change)
    with pytest.raises(ArchiveError, match=said):
        restore(empty, other)
    assert list(empty.data.iterdir()) == []
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tar.zst"])
@pytest.mark.parametrize("share", [0, 0.5, 0.8])
def test_an_archive_that_was_cut_short_changes_nothing(filled, empty, tmp_path, ending, share):
    path = backup(filled, tmp_path / f"b.{ending}").path
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(ArchiveError, match="nothing was changed"):
        restore(empty, path)
    assert list(empty.data.iterdir()) == []


def test_what_an_interrupted_restore_was_replacing_is_never_deleted(filled, tmp_path):
    made = backup(filled, tmp_path / "b.tar")
    left = filled.data / ".replaced.1"
    left.mkdir()
    with pytest.raises(ArchiveError, match="move it back, or delete it"):
        restore(filled, made.path, overwrite=True)
    assert left.exists()
    with pytest.raises(ArchiveError, match="no such file"):
        restore(filled, tmp_path / "none.tar")
    assert INDEX not in files(filled)
