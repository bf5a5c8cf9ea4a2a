"""Endless responses: memory stays where it is, the disk has the reads, and limits hold."""

import json
import signal
import subprocess
import sys
import time

import duckdb
import polars as pl
import pytest
import uvloop

from pipeline import plan, trace
from pipeline.collect.journal import Segment, records
from pipeline.collect.recorder import Job, record
from pipeline.collect.redaction import MASK, NOTE
from pipeline.collect.store import RunStore, StoreError, recover
from pipeline.collect.transport import StampedTransport, recording
from pipeline.collect.truth import chat, child
from pipeline.tables import events as event_table
from pipeline.tables import requests as request_table
from pipeline.tables.recorded import Recorded
from tests import plans, streams
from tests.collect.disks import Disk, full
from tests.collect.test_faults import critical_rules
from tests.servers import HELLO, serving

ROOT = plan.DEFAULT.parent.parent
KEY = "sk-planted-secret"


@pytest.fixture(scope="module")
def truth():
    with child.serving() as server:
        yield server


class Asking(StampedTransport):
    """Asks the truth server for a script."""

    def __init__(self, script):
        super().__init__()
        self.script = json.dumps(script)

    async def handle_async_request(self, request):
        request.headers["x-truth-script"] = self.script
        return await super().handle_async_request(request)


def job(folder, url, key=None, **written):
    this = plan.load(plans.write(folder, url, **written))
    (run,) = plan.runs(this, streams.NIGHT, ["t"], [1])
    return Job(this, run, f"{url}/chat/completions", key, 0, 0)


def spooled(layout, one, script=None, store=None):
    """Record a request whose reads go to disk while it goes on; its row, its reads, and what was left."""
    store = store or RunStore(layout.traces, streams.manifest(one.run.id, outcome="running"))

    async def run():
        async with StampedTransport() if script is None else Asking(script) as transport:
            return await record(transport, one, 0, 0, keep=store.keep)

    store.begin(f"{one.run.id}/0000")
    taken = uvloop.run(run())
    store.append(taken)
    store.close("finished")
    (row,), reads = (frame.to_dicts() for frame in trace.load(layout.traces, streams.NIGHT))
    return row, reads, taken


def test_a_long_response_is_kept_whole_and_in_order_though_little_of_it_is_held(layout, tmp_path, truth):
    flood = {"kind": "flood", "tokens": 60_000, "per_write": 3}
    row, reads, taken = spooled(layout, job(tmp_path, truth.url), flood)
    tokens = [chat.token(number) for number in range(60_000)]
    body = b"".join([chat.ROLE, *tokens, chat.finish(), chat.usage(60_000), chat.DONE])
    assert b"".join(read["payload"] for read in reads) == body
    assert [read["read_index"] for read in reads] == list(range(len(reads)))
    assert (row["outcome"], row["read_count"], row["body_bytes"]) == ("ended", len(reads), len(body))
    at = [read["at_ns"] for read in reads]
    assert 0 < at[0] == taken.first_byte_ns
    assert at == sorted(at)
    assert row["end_ns"] == at[-1]
    assert sum(map(len, taken.reads.payloads)) < recording.SEGMENT_BYTES + 2**17 < len(body) / 7
    assert taken.reads_s == pytest.approx((len(at) - 2) * 1e9 / (at[-1] - at[1]))


def test_many_small_reads_are_taken_as_well_as_many_bytes(layout, tmp_path, truth, monkeypatch):
    monkeypatch.setattr("pipeline.collect.transport.connection.SEGMENT_READS", 50)
    script = {"kind": "constant", "tokens": 1000, "tok_s": 1000.0}
    row, reads, taken = spooled(layout, job(tmp_path, truth.url), script)
    assert (row["outcome"], row["read_count"]) == ("ended", len(reads))
    assert taken.first_read > 500
    assert len({read["read_index"] for read in reads}) == len(reads)


def test_a_limit_on_bytes_cuts_a_response_that_is_spooled(layout, tmp_path, truth):
    endless = {"kind": "fault", "fault": "endless", "every_ms": 0.001}
    row, reads, taken = spooled(layout, job(tmp_path, truth.url, response_max_mib=3), endless)
    assert (row["outcome"], row["error"]) == ("over_limit", f"body longer than {3 * 2**20} bytes")
    assert 3 * 2**20 < row["body_bytes"] == sum(len(read["payload"]) for read in reads) < 4 * 2**20
    assert taken.first_read > 0


def test_a_limit_on_time_ends_a_response_that_is_spooled_and_keeps_it(layout, tmp_path, truth):
    endless = {"kind": "fault", "fault": "endless", "every_ms": 0.001}
    row, reads, taken = spooled(layout, job(tmp_path, truth.url, timeout_s=1.0, response_max_mib=1024), endless)
    assert (row["outcome"], row["read_count"]) == ("timed_out", len(reads))
    assert taken.first_read > 0


def test_a_key_that_a_cut_between_segments_runs_through_is_masked(layout, tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "SEGMENT_BYTES", 64)
    said = [b"data: " + b"x" * 60, KEY[:9].encode(), KEY[9:].encode(), b"y" * 80 + b"\n\n", *[b"z" * 70] * 3]
    pieces = [step for part in said for step in (b"%x\r\n%s\r\n" % (len(part), part), 0.02)]
    with serving([HELLO[0], 0.02, *pieces, b"0\r\n\r\n"]) as server:
        row, reads, taken = spooled(layout, job(tmp_path, server.url, key=KEY))
    kept = b"".join(read["payload"] for read in reads)
    assert taken.first_read > 3
    assert len(kept) == sum(map(len, said))
    assert KEY.encode() not in kept
    assert kept.count(MASK.encode()) == 1
    assert row["error"] == NOTE


def test_a_disk_that_takes_no_segment_ends_the_request_and_says_so(layout, tmp_path, truth, monkeypatch):
    one = job(tmp_path, truth.url, timeout_s=30.0)
    store = RunStore(layout.traces, streams.manifest(one.run.id, outcome="running"))
    endless = {"kind": "fault", "fault": "endless", "every_ms": 0.001}
    with monkeypatch.context() as patched:
        Disk(4, full()).install(patched)  # the first are those of `begin`
        with pytest.raises(StoreError, match="a part of one more found no room"):
            spooled(layout, one, endless, store)
    (closed,) = recover(layout.traces)
    assert (closed.outcome, closed.requests_lost) == ("interrupted", 1)


STREAMING = """
import asyncio, sys, json
from pathlib import Path
import uvloop
from pipeline import plan
from pipeline.collect.recorder import Job, record
from pipeline.collect.store import RunStore
from tests import streams
from tests.collect.test_spool import Asking

traces, planned, url, script = Path(sys.argv[1]), sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
this = plan.load(planned)
(run,) = plan.runs(this, streams.NIGHT, ["t"], [1])
store = RunStore(traces, streams.manifest(run.id, outcome="running"))

def anonymous_kib():
    return int(next(line for line in open("/proc/self/status") if line.startswith("RssAnon")).split()[1])

async def watch(seen):
    while True:
        seen.append(anonymous_kib())
        await asyncio.sleep(0.05)

async def main():
    seen = []
    async with Asking(script) as transport:
        watching = asyncio.create_task(watch(seen))
        store.begin(f"{run.id}/0000")
        one = Job(this, run, f"{url}/chat/completions", None, 0, 0)
        taken = await record(transport, one, 0, 0, keep=store.keep)
        watching.cancel()
    print(seen[0], max(seen), taken.request["body_bytes"], taken.request["read_count"], flush=True)

uvloop.run(main())
"""


def streaming(layout, tmp_path, truth, script, **written):
    path = plans.write(tmp_path, truth.url, **written)
    command = [sys.executable, "-c", STREAMING, str(layout.traces), str(path), truth.url, json.dumps(script)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.parametrize(
    ("script", "mib"),
    [
        ({"kind": "flood", "tokens": 2_200_000, "per_write": 64}, 300),
        ({"kind": "fault", "fault": "endless", "every_ms": 0.02}, 24),  # some 30,000 reads and more: 10 MiB of them
    ],
    ids=["many bytes", "many reads"],
)
def test_memory_does_not_grow_with_the_length_of_a_response(layout, tmp_path, truth, script, mib):
    process = streaming(layout, tmp_path, truth, script, response_max_mib=mib, timeout_s=120.0)
    first, most, size, _ = map(int, process.communicate()[0].split())
    assert size > mib * 2**20
    assert (most - first) / 1024 < 24


def test_kill_9_in_the_middle_of_a_response_leaves_its_whole_segments(layout, tmp_path, truth):
    long = {"kind": "flood", "tokens": 1_000_000, "per_write": 4}
    process = streaming(layout, tmp_path, truth, long, timeout_s=120.0)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and _segments(layout) < 5:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    known = _segments(layout)
    (closed,) = recover(layout.traces)
    requests, reads = trace.load(layout.traces, streams.NIGHT)
    assert known >= 5
    assert (closed.outcome, closed.requests_recorded, closed.requests_lost) == ("interrupted", 1, 0)
    assert "1 requests in flight are kept up to their last segment" in closed.error
    body = b"".join(reads["payload"])
    assert len(body) > 4 * recording.SEGMENT_BYTES
    tokens = b"".join(map(chat.token, range(1000)))
    whole = chat.ROLE + tokens * (len(body) // len(tokens) + 1)
    assert whole.startswith(body)
    assert reads["read_index"].to_list() == list(range(reads.height))
    assert requests.select("outcome", "read_count", "body_bytes", "http_status").rows() == [
        ("cancelled", reads.height, len(body), 200)
    ]


def test_a_request_that_a_kill_cut_is_cancelled_and_breaks_no_rule_that_holds_the_night_back(
    layout, tmp_path, truth
):
    one = job(tmp_path, truth.url)
    run = RunStore(layout.traces, streams.manifest(one.run.id, outcome="running"))

    async def killed():
        async with Asking({"kind": "flood", "tokens": 20_000, "per_write": 4}) as transport:
            await record(transport, one, 0, 0, keep=run.keep)

    run.begin(f"{one.run.id}/0000")
    uvloop.run(killed())  # the end is not written
    recover(layout.traces)
    recorded = Recorded.load(layout.traces, streams.NIGHT)
    found = event_table.build(recorded)
    rows = request_table.build(recorded, found)
    assert rows.select("status", "has_metrics").rows() == [("cancelled", False)]
    assert rows["token_event_count"].item() > 5000
    with duckdb.connect() as warehouse:
        warehouse.register("events", found)
        warehouse.register("requests", rows.with_columns(model_echoed_as=pl.lit("truth")))
        broken = {name: warehouse.sql(text).fetchall() for name, text in critical_rules()}
    assert {name: rows for name, rows in broken.items() if rows} == {}


def _segments(layout):
    journals = layout.traces.glob("night=*/target=*/.*/journal")
    return sum(isinstance(one, Segment) for journal in journals for one in records(journal))
