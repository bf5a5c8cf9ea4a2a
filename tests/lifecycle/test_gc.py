import json
import shutil
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from pipeline import cli, expiry, ledger, plan, publish, tables, trace
from pipeline.layout import Layout
from pipeline.lifecycle import gc
from pipeline.provenance import verify
from tests import nights, streams
from tests.collect.disks import Disk, Killed

OLD, YOUNG = streams.NIGHT, streams.NIGHT + timedelta(days=5)
TODAY = OLD + timedelta(days=10)
READS = f"night={OLD}/target=t/{OLD}.t.w.s.r01/reads.parquet"


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """An old night and a young one, built."""
    folder = tmp_path_factory.mktemp("recorded")
    layout = Layout(data=folder / "data", site=folder / "site")
    for night in (OLD, YOUNG):
        nights.record(layout, night)
        publish.build_night(layout, night)
    return layout


@pytest.fixture
def recorded(once, layout):
    """A copy of it."""
    shutil.copytree(once.data, layout.data)
    return layout


@pytest.fixture
def keeping(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('extends = "default"\n[retention]\nraw_reads_nights = 7\n')
    return plan.load(path)


def files(layout):
    """All but the lock, and the stamps: they tell that something was written, if only the same again."""
    names = [path for path in layout.data.rglob("*") if path.is_file() and path.name != ".collecting"]
    return {path: trace.sha256(path) for path in names if path.parent != layout.stamps}


def test_without_a_rule_nothing_is_due(recorded):
    assert gc.sweep(recorded, plan.load(), date(2099, 1, 1), apply=True) == gc.Swept(None, True, [])


def test_a_dry_run_says_what_would_be_freed_and_changes_nothing(recorded, keeping):
    before = files(recorded)
    swept = gc.sweep(recorded, keeping, TODAY)
    assert [(one.night, len(one.runs), one.refused) for one in swept.nights] == [(OLD, 1, None)]
    assert swept.bytes == (recorded.traces / READS).stat().st_size > 0
    assert files(recorded) == before


def test_applied_it_deletes_the_reads_of_old_nights_and_nothing_else(recorded, keeping):
    before = files(recorded)
    gc.sweep(recorded, keeping, TODAY, apply=True)
    after = files(recorded)
    tombstone = expiry.path(recorded.traces, OLD)
    assert set(before) - set(after) == {recorded.traces / READS}
    assert set(after) - set(before) == {tombstone}
    assert {path for path in before.keys() & after.keys() if before[path] != after[path]} == {
        recorded.traces / ledger.NAME
    }
    gone = expiry.of(recorded.traces, OLD)
    (where,) = gone.runs
    assert gone.runs[where].sha256 == before[recorded.traces / READS]
    assert gone.tables == {name: before[recorded.table(name, OLD)] for name in tables.tables()}
    assert ledger.read(recorded.traces)[-1].entry.sha256 == trace.sha256(tombstone)


@pytest.fixture
def expired(recorded, keeping):
    gc.sweep(recorded, keeping, TODAY, apply=True)
    return recorded


def test_build_keeps_the_tables_of_such_a_night_and_says_since_when(expired, capsys):
    before = files(expired)
    assert cli.main(["build", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert files(expired) == before
    assert (
        f"{OLD}: kept as it was built, not recomputable since {expiry.of(expired.traces, OLD).expired_at[:10]}"
        in err
    )
    assert f"{OLD}: " in out
    assert f"{YOUNG}: kept" not in err


def test_a_table_that_is_gone_is_never_built_from_nothing(expired):
    expired.table("ttft", OLD).unlink()
    with pytest.raises(
        expiry.ExpiredError, match=r"cannot be built: .*not recomputable since .*raw_reads_nights = 7"
    ):
        tables.build(expired, tables.tables()["ttft"], OLD)
    assert "ttft" not in publish.build_night(expired, OLD)
    assert not expired.table("ttft", OLD).exists()


def test_verify_says_so_and_still_finds_a_table_that_was_edited(expired):
    found = verify.verify(expired)
    assert found.differences == []
    assert f"{OLD}: not recomputable since" in found.notes[0]
    assert found.counts["tables kept from before their reads expired"] == len(tables.tables())
    path = expired.table("ttft", OLD)
    trace.write_parquet(pl.read_parquet(path).with_columns(ttft_ms=pl.lit(1.0)), path)
    (one,) = verify.verify(expired).differences
    assert (one.file, one.recomputed.split(" ", 2)[2]) == (f"tables/ttft/night={OLD}.parquet", "by the tombstone")


def test_verify_finds_reads_that_are_gone_without_a_tombstone_and_a_tombstone_that_was_edited(expired):
    tombstone = expiry.path(expired.traces, OLD)
    content = tombstone.read_text()
    tombstone.write_text(content.replace("raw_reads_nights = 7", "raw_reads_nights = 8"))
    (one,) = verify.verify(expired).differences
    assert (one.stage, one.file) == ("ledger", f"traces/night={OLD}/expired.json")
    tombstone.unlink()
    (one, *_) = verify.verify(expired, everything=True).differences
    assert one.published == "the file is gone"
    tombstone.write_text(content)
    (expired.traces / f"night={YOUNG}/target=t/{YOUNG}.t.w.s.r01/reads.parquet").unlink()
    (one,) = verify.verify(expired).differences
    assert (one.stage, one.published) == ("traces", "the file is gone")


def test_an_expired_night_is_published_as_before(expired, monkeypatch):
    monkeypatch.setattr("pipeline.checks.ensure", lambda *_: [])
    expired.table("ttft", OLD).unlink()  # as if the table were younger than the reads
    done = publish.publish_warehouse(expired)
    assert done.nights == [OLD, YOUNG]
    assert (done.rows["requests"], done.rows["ttft"]) == (6, 3)


def test_the_timeline_of_its_requests_is_an_error_that_says_why(expired, capsys):
    assert cli.main(["trace", f"{OLD}.t.w.s.r01/0000"]) == 1
    assert "not recomputable since" in capsys.readouterr().err


def test_a_night_whose_tables_do_not_follow_from_its_reads_keeps_them(recorded, keeping):
    path = recorded.table("ttft", OLD)
    trace.write_parquet(pl.read_parquet(path).with_columns(ttft_ms=pl.lit(1.0)), path)
    (one,) = gc.sweep(recorded, keeping, TODAY, apply=True).nights
    assert "its tables do not follow from its reads" in one.refused
    assert "ttft_ms" in one.refused
    assert (recorded.traces / READS).exists()
    assert expiry.of(recorded.traces, OLD) is None


def test_a_night_that_was_never_built_keeps_its_reads_and_says_what_to_do(recorded, keeping):
    recorded.table("ttft", OLD).unlink()
    for apply in (False, True):
        (one,) = gc.sweep(recorded, keeping, TODAY, apply=apply).nights
        assert one.refused == f"ttft not built yet; `tokenclock build --night {OLD}` first"
    assert (recorded.traces / READS).exists()


def test_killed_at_any_file_operation_it_goes_on_where_it_was(recorded, keeping, monkeypatch):
    monkeypatch.setattr("pipeline.lifecycle.gc._difference", lambda *_: None)
    before = {path: path.read_bytes() for path in recorded.traces.rglob("*") if path.is_file()}
    for at in range(1, 30):
        disk = Disk(at, Killed())
        with monkeypatch.context() as patched:
            disk.install(patched)
            try:
                gc.sweep(recorded, keeping, TODAY, apply=True)
            except Killed:
                disk.is_well = True
        assert (recorded.traces / READS).exists() or expiry.of(recorded.traces, OLD) is not None
        is_over = disk.count < at
        gc.sweep(recorded, keeping, TODAY, apply=True)
        assert not (recorded.traces / READS).exists()
        assert {one.entry.path for one in ledger.read(recorded.traces)} >= {f"night={OLD}/expired.json"}
        for path in set(recorded.traces.rglob("*.json*")) - set(before):
            path.unlink()
        for path, content in before.items():
            path.write_bytes(content)
        if is_over:
            assert at > 5
            return
    pytest.fail("it never came to its end")


def test_the_command_is_a_dry_run_by_default(recorded, tmp_path, capsys, monkeypatch):
    path = tmp_path / "mine.toml"
    path.write_text('extends = "default"\n[retention]\nraw_reads_nights = 7\n')
    monkeypatch.setattr("pipeline.collect.night.tonight", lambda: TODAY)
    assert cli.main(["gc", "--plan", str(path)]) == 0
    assert "would be freed; nothing was deleted, --apply does it" in capsys.readouterr().out
    assert (recorded.traces / READS).exists()
    assert cli.main(["gc", "--plan", str(path), "--apply", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["is_applied"], said["nights"][0]["night"], said["bytes"]) == (
        True,
        str(OLD),
        said["nights"][0]["bytes"],
    )
    assert cli.main(["gc"]) == 0
    assert "everything is kept" in capsys.readouterr().out
    assert not Path(recorded.traces / READS).exists()
