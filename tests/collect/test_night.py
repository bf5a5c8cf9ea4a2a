import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from filelock import FileLock

from pipeline import plan, trace
from pipeline.collect import night as nights
from pipeline.collect import recorder, store, workload
from pipeline.collect.night import CollectError
from tests import plans, streams
from tests.servers import HELLO as STREAM
from tests.servers import chunked, serving

KEY = "sk-planted-secret"


def collection(layout, path):
    return nights.Collection(plan.load(path), layout, nights.tonight(), {"P_API_KEY": KEY})


def collect(layout, path):
    return nights.collect(collection(layout, path), ["t"])


def test_a_night_records_every_planned_request_and_its_bytes(layout, tmp_path):
    with serving(STREAM) as server:
        (manifest,) = collect(layout, plans.write(tmp_path, server.url, requests=3, warmup=2))
    requests, reads = trace.load(layout.traces, manifest.night)
    assert (manifest.outcome, manifest.requests_recorded) == ("finished", 5)
    assert requests["is_warmup"].to_list() == [True, True, False, False, False]
    assert set(requests["outcome"]) == {"ended"}
    first = reads.filter(reads["request_id"] == requests["request_id"][0])
    assert b"".join(first["payload"]) == b"".join(part.split(b"\r\n")[1] for part in STREAM[1:-1])


def test_a_request_asks_for_an_uncompressed_stream_with_usage(layout, tmp_path):
    with serving(STREAM) as server:
        collect(layout, plans.write(tmp_path, server.url))
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    asked = json.loads(body)
    assert b"accept-encoding: identity" in head.lower()
    assert (asked["stream"], asked["stream_options"], asked["max_tokens"]) == (True, {"include_usage": True}, 31)


def test_prompts_are_reproducible_and_no_two_share_their_first_line(tmp_path):
    this = plan.load(plans.write(tmp_path, rounds=2))
    runs = plan.runs(this, nights.tonight(), ["t"], [1, 2])
    texts = [workload.prompt(this.workloads["w"], 1, run, n) for run in runs for n in range(20)]
    assert texts == [workload.prompt(this.workloads["w"], 1, run, n) for run in runs for n in range(20)]
    assert len({text.splitlines()[0] for text in texts}) == len(texts)


def test_concurrency_is_what_the_scenario_says(layout, tmp_path):
    with serving([*STREAM[:2], 0.1, *STREAM[2:]]) as server:
        collect(layout, plans.write(tmp_path, server.url, concurrency=4, requests=8, warmup=0))
        assert server.connections == 4


def test_an_open_loop_sends_on_time_whatever_the_server_does(layout, tmp_path):
    load = 'kind = "open"\nrate_req_s = 50.0\narrivals = "constant"\nmax_in_flight = 32'
    with serving([*STREAM[:2], 0.3, *STREAM[2:]]) as server:
        (manifest,) = collect(layout, plans.write(tmp_path, server.url, load=load, requests=8, warmup=2))
        assert server.connections == 10
    requests, _ = trace.load(layout.traces, manifest.night)
    scheduled = requests["scheduled_ns"].to_list()
    assert [at - scheduled[0] for at in scheduled] == [n * 20_000_000 for n in range(10)]
    assert (requests["sent_ns"] - requests["scheduled_ns"]).min() >= 0
    assert requests["is_warmup"].to_list() == [True] * 2 + [False] * 8
    assert manifest.concurrency == 32
    assert manifest.load["scenario"]["rate_req_s"] == 50.0
    assert manifest.load["workload"]["unique_prompts"] is True


def test_a_manifest_says_how_well_the_clocks_were_mapped(layout, tmp_path):
    with serving(STREAM) as server:
        (manifest,) = collect(layout, plans.write(tmp_path, server.url))
    assert 0 < manifest.clock["mapping_error_ns"] < 1_000_000
    assert manifest.clock["wall_steps"] == 0
    assert manifest.clock["sent_by_kernel"] + manifest.clock["sent_by_user"] == manifest.requests_recorded


def test_every_round_is_recorded_and_targets_take_turns(layout, tmp_path):
    second = "[targets.u]" + plans.TARGET.replace("T", "U")
    with serving(STREAM) as server:
        path = plans.write(tmp_path, server.url, extra=second, rounds=8)
        recorded = nights.collect(collection(layout, path), ["t", "u"])
    order = [(one.round, one.target.name) for one in sorted(recorded, key=lambda one: one.anchor_monotonic_ns)]
    assert [round_ for round_, _ in order] == [n for n in range(1, 9) for _ in "tu"]
    assert {order[n][1] for n in range(0, 16, 2)} == {"t", "u"}  # drawn anew each round, by this seed


def test_a_failing_provider_is_recorded_not_raised(layout, tmp_path):
    with serving([b"HTTP/1.1 500 no\r\ncontent-length: 2\r\n\r\nno"]) as server:
        (manifest,) = collect(layout, plans.write(tmp_path, server.url))
    requests, _ = trace.load(layout.traces, manifest.night)
    assert set(requests["http_status"]) == {500}


def test_a_request_that_never_answers_times_out(layout, tmp_path):
    with serving([*STREAM[:3], 30.0]) as server:
        (manifest,) = collect(layout, plans.write(tmp_path, server.url, requests=1, warmup=0, timeout_s=0.3))
    requests, reads = trace.load(layout.traces, manifest.night)
    assert requests["outcome"].to_list() == ["timed_out"]
    assert b"Hello" in b"".join(reads["payload"])


def test_keys_never_reach_the_disk(layout, tmp_path):
    cookie = chunked(b"data: x\n\n", head=b"HTTP/1.1 200 OK\r\nset-cookie: sk-cookie\r\nx-request-id: r1\r\n")
    with serving(cookie) as server:
        collect(layout, plans.write(tmp_path, server.url))
        assert f"Bearer {KEY}".encode() in server.requests[0]
    for path in layout.data.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path
    requests, _ = trace.load(layout.traces, nights.tonight())
    assert [header["name"] for header in requests["response_headers"][0]] == ["x-request-id", "transfer-encoding"]
    assert "sk-cookie" not in str(requests.to_dicts())


def test_a_complete_night_is_measured_again_in_new_rounds(layout, tmp_path):
    with serving(STREAM) as server:
        path = plans.write(tmp_path, server.url, rounds=2)
        assert [one.round for one in collect(layout, path)] == [1, 2]
        assert [one.round for one in collect(layout, path)] == [3, 4]


def test_only_missing_rounds_are_recorded_after_an_interruption(layout, tmp_path):
    with serving(STREAM) as server:
        collect(layout, plans.write(tmp_path, server.url, rounds=1))
        assert [one.round for one in collect(layout, plans.write(tmp_path, server.url, rounds=3))] == [2, 3]


def test_the_census_tells_why_a_target_was_skipped(layout, tmp_path):
    second = "[targets.u]" + plans.TARGET + "valid_to = 2020-01-01\n"
    with serving(STREAM) as server:
        collect(layout, plans.write(tmp_path, server.url, extra=second))
    reasons = {one.name: one.reason for one in trace.read_night(layout.traces, nights.tonight()).targets}
    assert reasons["t"] is None
    assert "ended on 2020-01-01" in reasons["u"]


def test_another_night_cannot_be_recorded_now(layout, tmp_path):
    this = collection(layout, plans.write(tmp_path))
    for days in (-2, 1):
        other = nights.Collection(this.plan, layout, this.night + timedelta(days=days), this.environment)
        with pytest.raises(CollectError, match="own night"):
            nights.collect(other, ["t"])


def test_a_target_without_its_key_is_refused_with_the_cure(layout, tmp_path):
    this = nights.Collection(plan.load(plans.write(tmp_path)), layout, nights.tonight(), {})
    with pytest.raises(CollectError, match="set P_API_KEY"):
        nights.collect(this, ["t"])


def test_a_night_over_its_budget_sends_nothing(layout, tmp_path):
    with serving(STREAM) as server:
        with pytest.raises(CollectError, match="max_usd"):
            collect(layout, plans.write(tmp_path, server.url, max_usd=0.0))
        assert server.requests == []


def test_two_collections_do_not_run_at_once(layout, tmp_path):
    layout.traces.mkdir(parents=True)
    with FileLock(layout.traces / ".collecting"), pytest.raises(CollectError, match="another collection"):
        collect(layout, plans.write(tmp_path))


def test_a_killed_collection_keeps_what_was_finished_and_says_what_is_lost(layout, tmp_path):
    script = [*STREAM[:3], 0.05, *STREAM[3:]]
    with serving(script) as server:
        path = plans.write(tmp_path, server.url, requests=200, warmup=0, timeout_s=30.0)
        environment = {**os.environ, "P_API_KEY": KEY, "TOKENCLOCK_PLAN": str(path), "PYTHONPATH": sys.path[0]}
        root = str(plan.DEFAULT.parent.parent)
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli", "collect", "--quiet"],
            env={**environment, "PYTHONPATH": root}, cwd=tmp_path, stderr=subprocess.PIPE,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while len(server.requests) < 5 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        sent = len(server.requests)
        assert 5 <= sent < 200
        again = collect(layout, plans.write(tmp_path, server.url, requests=2, warmup=0))
    first, second = trace.manifests(layout.traces, nights.tonight())
    assert (first.outcome, second.outcome) == ("interrupted", "finished")
    assert sent - 1 <= first.requests_recorded <= sent
    assert second.run_id == f"{first.run_id}.a2" == again[0].run_id


def test_a_journal_cut_in_the_middle_of_a_record_keeps_the_records_before(layout):
    run = store.RunStore(layout.traces, streams.manifest())
    for index in range(3):
        rows = streams.columns(streams.reads(streams.GOLDEN))
        run.append(recorder.Trace(streams.request(index), rows))
    journal = run.folder / "journal"
    os.truncate(journal, journal.stat().st_size - 3)
    del run
    (sealed,) = store.recover(layout.traces)
    assert (sealed.outcome, sealed.requests_recorded, sealed.files["requests.parquet"].rows) == (
        "interrupted",
        2,
        2,
    )


def test_a_run_cut_between_sealing_and_renaming_is_kept(layout):
    run = store.RunStore(layout.traces, streams.manifest())
    run.append(recorder.Trace(streams.request(), streams.columns([])))
    sealed = run.close("finished")
    run.final.rename(run.folder)
    assert store.recover(layout.traces) == []
    assert trace.manifests(layout.traces, streams.NIGHT) == [sealed]


def _folder(layout, manifest):
    return trace.run_folder(layout.traces, manifest.night, manifest.target.name, manifest.run_id)


def test_a_changed_trace_is_refused(layout, tmp_path):
    with serving(STREAM) as server:
        (manifest,) = collect(layout, plans.write(tmp_path, server.url))
    path = _folder(layout, manifest) / "reads.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(trace.TraceError, match=r"reads\.parquet"):
        trace.load(layout.traces, manifest.night)


@pytest.mark.parametrize(
    ("pause_s", "moments"),
    [
        (0.1, [(1, "before"), (1, "after"), (2, "before"), (2, "after")]),
        (0, [(1, "before"), (1, "after"), (2, "after")]),  # after one round is before the next
    ],
)
def test_the_recorder_is_calibrated_before_and_after_each_round(pause_s, moments, layout, tmp_path):
    with serving(STREAM) as server:
        path = plans.write(tmp_path, server.url, rounds=2, concurrency=3, warmup=0, calibration_tokens=100)
        path.write_text(path.read_text().replace("round_pause_s = 0", f"round_pause_s = {pause_s}"))
        recorded = collect(layout, path)
    taken = trace.calibrations(layout.traces, nights.tonight())
    assert [(one.round, one.moment) for one in taken] == moments
    assert {(one.concurrency, one.error) for one in taken} == {(3, None)}
    for one in taken:
        assert one.found["streams"] == 3
        assert one.found["events"] >= 300
        assert 0 < one.found["stamp_error_p50_ns"] < one.found["stamp_error_p99_ns"]
    assert [one.requests_recorded for one in recorded] == [2, 2]


def test_a_night_without_calibration_is_possible_and_says_nothing_of_its_error(layout, tmp_path):
    with serving(STREAM) as server:
        collect(layout, plans.write(tmp_path, server.url))
    assert trace.calibrations(layout.traces, nights.tonight()) == []
