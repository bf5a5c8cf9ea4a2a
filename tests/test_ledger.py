import pytest

from pipeline import ledger, trace
from pipeline.collect.store import recover
from tests import nights, streams
from tests.collect.disks import Disk, full

PATH = f"night={streams.NIGHT}/target=t/{streams.NIGHT}.t.w.s.r01/manifest.json"


def entered(traces):
    return [line.entry for line in ledger.read(traces)]


def test_a_sealed_run_is_entered_by_its_manifests_hash_once(layout):
    nights.record(layout)
    recover(layout.traces)
    found = {one.path: one.sha256 for one in entered(layout.traces)}
    assert found[PATH] == trace.sha256(layout.traces / PATH)
    assert len(entered(layout.traces)) == len(found)


def test_each_entry_follows_from_the_one_before(layout):
    for target in ("a", "b", "c"):
        nights.record(layout, target=target)
    first, second, third = ledger.read(layout.traces)[-3:]
    assert (second.entry.previous, third.entry.previous) == (first.head, second.head)
    assert ledger.frame(ledger.read(layout.traces)).columns == list(ledger.COLUMNS)


@pytest.mark.parametrize("change", [("a.w.s", "x.w.s"), ('"entry":1', '"entry":7'), ('"at":"2', '"at":"1')])
def test_a_line_changed_before_the_last_breaks_the_chain_there(layout, change):
    nights.record(layout, target="a")
    nights.record(layout, target="b")
    path = layout.traces / ledger.NAME
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(ledger.LedgerError, match=r"ledger\.ndjson: entry \d does not follow"):
        ledger.read(layout.traces)


def test_a_line_cut_short_by_a_crash_is_no_entry_and_is_cut_off_by_the_next(layout):
    nights.record(layout, target="a")
    before = ledger.read(layout.traces)
    with (layout.traces / ledger.NAME).open("ab") as file:
        file.write(b'{"entry":9,"at":"20')
    assert ledger.read(layout.traces) == before
    nights.record(layout, target="b")
    assert ledger.read(layout.traces)[: len(before)] == before
    assert len(ledger.read(layout.traces)) > len(before)


def test_traces_that_are_older_than_their_ledger_are_entered_by_the_next_collection(layout):
    nights.record(layout)
    nights.calibrate(layout, streams.NIGHT)
    (layout.traces / ledger.NAME).unlink()
    recover(layout.traces)
    kinds = [one.path.split("/")[1] for one in entered(layout.traces)]
    assert kinds == ["targets.json", "calibration", "target=t"]


def test_a_manifest_that_was_rewritten_is_not_entered_anew(layout):
    nights.record(layout)
    before = entered(layout.traces)
    path = layout.traces / PATH
    path.write_text(path.read_text().replace('"outcome": "finished"', '"outcome": "stopped"'))
    recover(layout.traces)
    assert {one.sha256 for one in entered(layout.traces) if one.path == PATH} == {
        one.sha256 for one in before if one.path == PATH
    }


def test_a_full_disk_is_an_error_that_names_the_ledger(layout, monkeypatch):
    nights.record(layout)
    Disk(1, full()).install(monkeypatch)
    with pytest.raises(trace.DiskError, match=r"ledger\.ndjson: cannot be written .*make room"):
        ledger.enter(layout.traces, {"a": "b"})
