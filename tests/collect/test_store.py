import gc
import itertools
import os
import subprocess
import sys
import time
import tracemalloc

import httpx
import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from pipeline import plan, trace
from pipeline.collect import store
from pipeline.collect.journal import Segment
from pipeline.collect.recorder import Job, Trace, record
from pipeline.collect.store import RunStore, StoreError, recover
from tests import plans, streams
from tests.collect.disks import Disk, Killed, full

ROOT = plan.DEFAULT.parent.parent
PLANNED = 3


def finished(index, script=streams.GOLDEN):
    rows = streams.reads(script, f"run/{index:04d}")
    return Trace(streams.request(index, read_count=len(rows)), streams.columns(rows))


def begun(traces):
    return RunStore(traces, streams.manifest(requests_planned=PLANNED, outcome="running"))


def live(traces, kept):
    """A run from its beginning to its end; `kept` are the requests that it was told are safe."""
    run = begun(traces)
    for index in range(PLANNED):
        run.begin(f"run/{index:04d}")
        run.append(finished(index))
        kept.append(index)
    run.close("finished")


def recorded(traces):
    """What is there: the indices of the requests, with reads that are, to the byte, what was appended."""
    requests, reads = trace.load(traces, streams.NIGHT)
    for index in requests["request_index"]:
        one = reads.filter(reads["request_id"] == f"run/{index:04d}")
        assert one.to_dicts() == streams.reads(streams.GOLDEN, f"run/{index:04d}")
    return requests["request_index"].to_list()


def left_over(traces):
    return [path for path in traces.rglob("*") if path.name.startswith(".")]


def points(folder, monkeypatch, error, **how):
    """Live on disks that fail at their first operation, at their second, … up to one that does not."""
    for at in itertools.count(1):
        traces, kept = folder / str(at), []
        disk = Disk(at, error(), **how)
        with monkeypatch.context() as patched:
            disk.install(patched)
            try:
                live(traces, kept)
            except (StoreError, Killed) as failure:
                disk.is_well = True
                yield traces, kept, failure
        if disk.count < at:
            assert at > 40  # else there was next to nothing to fail
            return


def test_a_kill_at_any_file_operation_loses_no_finished_request(tmp_path, monkeypatch):
    for traces, kept, _ in points(tmp_path, monkeypatch, Killed):
        recover(traces)
        assert left_over(traces) == []
        if closed := trace.manifests(traces, streams.NIGHT):
            found = recorded(traces)
            assert found in (kept, [*kept, len(kept)])
            assert (closed[0].requests_planned, closed[0].requests_recorded) == (PLANNED, len(found))
            assert closed[0].requests_lost == int("lost" in (closed[0].error or "")) <= 1
        else:
            assert kept == []


def test_a_run_killed_while_it_is_sealed_is_finished(tmp_path, monkeypatch):
    outcomes = {}
    for traces, kept, _ in points(tmp_path, monkeypatch, Killed):
        recover(traces)
        for closed in trace.manifests(traces, streams.NIGHT):
            outcomes.setdefault(closed.outcome, []).append(len(kept))
    assert max(outcomes["interrupted"]) == PLANNED  # all was kept, but nobody had said yet that it was the end
    assert outcomes["finished"] == [PLANNED] * len(outcomes["finished"])
    assert len(outcomes["finished"]) > 10


@pytest.mark.parametrize("once", [True, False])
def test_a_disk_that_is_full_at_any_file_operation_loses_no_finished_request(tmp_path, monkeypatch, once):
    for traces, kept, failure in points(tmp_path, monkeypatch, full, once=once):
        told = str(failure)
        assert "No space left on device" in told
        assert "make room" in told
        assert str(traces) in told
        recover(traces)
        assert left_over(traces) == []
        if closed := trace.manifests(traces, streams.NIGHT):
            found = recorded(traces)
            assert found in (kept, [*kept, len(kept)])
            assert closed[0].requests_recorded == len(found)
            assert "finished requests are kept" in told
        else:
            assert "nothing was sent" in told


def test_a_disk_that_fills_up_keeps_even_the_request_at_hand(layout, monkeypatch):
    run = begun(layout.traces)
    run.begin("run/0000")
    with monkeypatch.context() as patched:
        Disk(1, full(), once=True).install(patched)
        with pytest.raises(StoreError, match="1 finished requests are kept there"):
            run.append(finished(0))
    (closed,) = recover(layout.traces)
    assert recorded(layout.traces) == [0]
    assert (closed.outcome, closed.error) == ("interrupted", "the disk took no more (No space left on device)")
    assert closed.requests_lost == 0


def test_a_piece_of_a_record_is_cut_off_before_the_next_one(layout, monkeypatch):
    run = begun(layout.traces)
    run.append(finished(0))
    with monkeypatch.context() as patched:
        Disk(1, full()).install(patched)
        with pytest.raises(StoreError, match="one more was over and found no room"):
            run.append(finished(1))
    run.append(finished(2))
    closed = run.close("finished")
    assert recorded(layout.traces) == [0, 2]
    assert closed.error is None


def journalled(traces):
    run = begun(traces)
    for index in range(PLANNED):
        run.begin(f"run/{index:04d}")
        run.append(finished(index))
    return run.folder / store.JOURNAL


@given(st.data())
def test_a_flipped_bit_costs_the_record_that_it_is_in_and_is_said(tmp_path_factory, data):
    traces = tmp_path_factory.mktemp("traces")
    journal = journalled(traces)
    content = bytearray(journal.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    journal.write_bytes(content)
    (closed,) = recover(traces)
    found = recorded(traces)
    assert len(found) >= PLANNED - 1
    assert closed.requests_recorded == len(found)
    assert "1 damaged pieces of its journal" in closed.error
    assert closed.requests_lost == PLANNED - len(found)


@given(st.data())
def test_a_journal_cut_anywhere_keeps_what_was_written_before(tmp_path_factory, data):
    traces = tmp_path_factory.mktemp("traces")
    journal = journalled(traces)
    size = journal.stat().st_size
    left = data.draw(st.integers(0, size))
    os.truncate(journal, left)
    (closed,) = recover(traces)
    assert recorded(traces) == list(range(left * PLANNED // size))
    assert closed.outcome == "interrupted"
    assert closed.requests_recorded + closed.requests_lost <= PLANNED


def test_what_was_in_flight_is_counted_as_lost(layout):
    run = begun(layout.traces)
    for index in range(PLANNED):
        run.begin(f"run/{index:04d}")
    run.append(finished(1))
    (closed,) = recover(layout.traces)
    assert (closed.requests_recorded, closed.requests_lost) == (1, 2)
    assert "2 requests in flight were lost" in closed.error


def test_equal_journals_become_equal_bytes(tmp_path):
    folders = [tmp_path / name for name in "ab"]
    for traces in folders:
        live(traces, [])
    one, other = ([trace.sha256(path) for path in sorted(traces.rglob("*.parquet"))] for traces in folders)
    assert one == other
    assert len(one) == 2


def test_a_run_of_several_parts_is_read_back_whole_and_in_order(layout, monkeypatch):
    monkeypatch.setattr(store, "PART_BYTES", 1)
    run = begun(layout.traces)
    for index in (2, 0, 1):
        run.append(finished(index))
    run.close("finished")
    assert recorded(layout.traces) == [0, 1, 2]


def test_no_run_is_begun_over_another(layout):
    begun(layout.traces).append(finished(0))
    with pytest.raises(StoreError, match="File exists"):
        begun(layout.traces)
    recover(layout.traces)
    assert recorded(layout.traces) == [0]


def segment(run, index, numbers):
    """Keep these reads of a request that goes on."""
    rows = streams.reads(streams.GOLDEN, f"run/{index:04d}")[numbers]
    request = streams.request(index, outcome="cancelled", error="the process ended", read_count=99, end_ns=None)
    run.keep(lambda: Segment(request, numbers.start, streams.columns(rows))).result()


def test_a_request_in_segments_is_read_back_whole_whatever_lies_between(layout):
    run = begun(layout.traces)
    run.begin("run/0000")
    segment(run, 0, slice(0, 4))
    run.append(finished(1))
    segment(run, 0, slice(4, 9))
    rows = streams.reads(streams.GOLDEN, "run/0000")
    run.append(Trace(streams.request(0, read_count=len(rows)), streams.columns(rows[9:]), first_read=9))
    closed = run.close("finished")
    assert recorded(layout.traces) == [0, 1]
    assert (closed.requests_recorded, closed.requests_lost, closed.error) == (2, 0, None)


def test_a_request_that_never_ended_is_kept_up_to_its_last_segment(layout):
    run = begun(layout.traces)
    for index in range(PLANNED):
        run.begin(f"run/{index:04d}")
    segment(run, 0, slice(0, 4))
    run.append(finished(1))
    segment(run, 0, slice(4, 9))
    (closed,) = recover(layout.traces)
    rows = streams.reads(streams.GOLDEN, "run/0000")[:9]
    requests, reads = trace.load(layout.traces, streams.NIGHT)
    assert reads.filter(request_id="run/0000").to_dicts() == rows
    (cut,) = requests.filter(request_index=0).to_dicts()
    assert (cut["outcome"], cut["read_count"], cut["end_ns"]) == ("cancelled", 9, rows[-1]["at_ns"])
    assert cut["body_bytes"] == sum(len(row["payload"]) for row in rows)
    assert (closed.requests_recorded, closed.requests_lost) == (2, 1)
    assert "1 requests in flight were lost; 1 requests in flight are kept up to their last segment" in closed.error


def test_a_full_disk_keeps_the_segment_at_hand_and_ends_the_run(layout, monkeypatch):
    run = begun(layout.traces)
    run.begin("run/0000")
    with monkeypatch.context() as patched:
        Disk(1, full(), once=True).install(patched)
        with pytest.raises(StoreError, match="make room"):
            segment(run, 0, slice(0, 4))
    (closed,) = recover(layout.traces)
    _, reads = trace.load(layout.traces, streams.NIGHT)
    assert reads.height == 4
    assert (closed.outcome, closed.requests_lost) == ("interrupted", 0)
    assert "the disk took no more (No space left on device)" in closed.error


class Received(httpx.AsyncBaseTransport):
    """A transport that has read a response of many small reads the moment it is asked."""

    def __init__(self, reads, payload):
        self.reads, self.payload = reads, payload

    async def handle_async_request(self, request):
        recording = request.extensions["recording"]
        recording.outcome, recording.status, recording.sent_ns = "ended", 200, time.monotonic_ns()
        for number in range(self.reads):
            recording.stamps_ns.append(recording.sent_ns + number)
            recording.user_ns.append(recording.sent_ns + number)
            recording.wire_bytes.append(self.payload)
            recording.payloads.append(bytes(self.payload))
            recording.body_bytes += self.payload
        recording.end_ns = time.monotonic_ns()
        return httpx.Response(200)


@pytest.mark.parametrize(("reads", "payload"), [(20_000, 1), (20_000, 200)])
def test_a_read_weighs_at_most_400_bytes_beside_its_payload_until_it_is_on_disk(layout, tmp_path, reads, payload):
    this = plan.load(plans.write(tmp_path))
    job = Job(this, plan.runs(this, streams.NIGHT, ["t"], [1])[0], "http://x", None, 0, 0)
    run = begun(layout.traces)

    async def keep(count):
        run.append(await record(Received(count, payload), job, 0, 0))

    uvloop.run(keep(1))  # what is imported and cached on first use
    gc.disable()
    tracemalloc.start()
    try:
        uvloop.run(keep(reads))
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert peak < reads * (400 + payload)
    assert after < reads * 40  # without a garbage collection: what is on disk is let go of at once


ENDLESS = """
import sys
from pathlib import Path
from pipeline.collect.reads import Reads
from pipeline.collect.recorder import Trace
from pipeline.collect.store import RunStore
from tests import streams

def anonymous_kib():
    return int(next(line for line in open("/proc/self/status") if line.startswith("RssAnon")).split()[1])

traces, megabytes = Path(sys.argv[1]), int(sys.argv[2])
run = RunStore(traces, streams.manifest(outcome="running"))
reads = Reads(bytes(8 * 1000), bytes(8 * 1000), bytes(8 * 1000), [bytes(range(200)) * 5] * 1000)
for index in range(megabytes):
    run.begin(f"run/{index:04d}")
    run.append(Trace(streams.request(index), reads))
recording = anonymous_kib()
run.close("finished")
print(recording, anonymous_kib())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_does_not_grow_with_the_length_of_a_run(tmp_path):
    def weighed(megabytes):
        command = [sys.executable, "-c", ENDLESS, str(tmp_path / str(megabytes)), str(megabytes)]
        told = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout.split()
        return [int(kib) / 1024 for kib in told]

    short, long = weighed(16), weighed(96)
    assert long[0] - short[0] < 10
    assert long[1] - short[1] < 60
