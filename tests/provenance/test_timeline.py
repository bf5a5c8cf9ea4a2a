import json

import pytest

from pipeline import cli
from pipeline.collect.recorder import Trace
from pipeline.collect.store import RunStore
from pipeline.provenance.timeline import timeline
from tests import nights, streams

RUN = f"{streams.NIGHT}.t.w.s.r01"
ID = f"{RUN}/0001"
MS = streams.MS


@pytest.fixture
def recorded(layout):
    nights.record(layout)
    return layout


def at(found, kind):
    return [(one.at_ms, one.what) for one in found.moments if one.kind == kind]


def test_a_timeline_holds_every_read_event_and_mark_of_the_request_in_order(recorded):
    found = timeline(recorded, ID)
    assert [one.at_ms for one in found.moments] == sorted(one.at_ms for one in found.moments)
    assert [ms for ms, _ in at(found, "read")] == [ms for ms, _ in streams.GOLDEN]
    assert [one.bytes for one in found.moments if one.kind == "read"] == [len(data) for _, data in streams.GOLDEN]
    marks = {what: ms for ms, what in at(found, "mark")}
    assert (marks["sent"], marks["first_token"], marks["last_token"], marks["end"]) == (0, 300, 800, 1050)
    events = at(found, "event")
    assert events[1] == (300, "message, content 'one'")
    assert events[-1] == (1050, "message, [DONE]")
    assert (found.facts["status"], found.facts["tokens"], found.facts["finish_reason"]) == ("complete", 31, "stop")


def test_the_phases_of_a_new_connection_stand_before_sent(layout):
    store = RunStore(layout.traces, streams.manifest(RUN, target=streams.target()))
    rows = streams.reads(streams.GOLDEN, f"{RUN}/0000")
    phases = {"connect_started_ns": 960 * MS, "dns_ns": 10 * MS, "tcp_ns": 20 * MS, "tls_ns": 10 * MS}
    request = streams.request(0, RUN, is_connection_reused=False, **phases)
    store.append(Trace(request, streams.columns(rows)))
    store.close("finished")
    assert at(timeline(layout, f"{RUN}/0000"), "connection") == [
        (-40, "connecting began"),
        (-30, "dns took 10.000 ms"),
        (-10, "tcp took 20.000 ms"),
        (0, "tls took 10.000 ms"),
    ]


def test_a_request_that_was_never_sent_has_a_timeline_of_what_there_was(layout):
    store = RunStore(layout.traces, streams.manifest(RUN, target=streams.target()))
    request = streams.request(
        0, RUN, sent_ns=None, connect_started_ns=960 * MS, outcome="not_connected", http_status=None
    )
    store.append(Trace(request, streams.columns([])))
    store.close("finished")
    found = timeline(layout, f"{RUN}/0000")
    assert found.facts["status"] == "connection_error"
    assert [one.what for one in found.moments] == ["connecting began"]


def test_the_command_prints_it_as_text_or_json(recorded, capsys):
    assert cli.main(["trace", ID]) == 0
    said = capsys.readouterr().out
    assert "300.000 ms  mark" in said
    assert "(user space +0.0 µs)" in said
    assert cli.main(["trace", ID, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["facts"]["request_id"] == ID


def test_it_is_drawn_into_the_data_folder_or_where_one_says(recorded, tmp_path, capsys):
    assert cli.main(["trace", ID, "--draw"]) == 0
    picture = recorded.data / "timelines" / f"{RUN}.0001.svg"
    assert "first_token" in picture.read_text()
    for name, start in (("t.png", b"\x89PNG"), ("t.html", b"<!DOCTYPE html>")):
        assert cli.main(["trace", ID, "--draw", str(tmp_path / name)]) == 0
        assert (tmp_path / name).read_bytes().startswith(start)
    assert cli.main(["trace", ID, "--draw", "t.gif"]) == 1
    assert "end the name in .svg, .png, .html" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("request_id", "said"),
    [(f"{RUN}/0099", "it has 3, from"), ("2026-11-24.x/0000", "no run of request"), ("../../etc/0000", "no run")],
)
def test_an_unknown_request_says_where_it_was_looked_for(recorded, capsys, request_id, said):
    assert cli.main(["trace", request_id]) == 1
    assert said in capsys.readouterr().err


def test_bytes_that_their_manifest_does_not_vouch_for_are_not_shown(recorded, capsys):
    path = recorded.traces / f"night={streams.NIGHT}" / "target=t" / RUN / "reads.parquet"
    path.write_bytes(path.read_bytes() + b"x")
    assert cli.main(["trace", ID]) == 1
    assert "not the file its manifest vouches for" in capsys.readouterr().err
