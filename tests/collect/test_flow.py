"""Calibrations follow what came through the runs: bounded in number and in time, whatever the targets deliver."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import plan, trace
from pipeline.collect import flow
from pipeline.collect.flow import Load
from pipeline.collect.night import tonight
from pipeline.collect.store import RunStore
from tests import plans, streams
from tests.collect.test_night import collect
from tests.servers import HELLO, serving

MS = 1_000_000
OPEN = 'kind = "open"\nrate_req_s = 2.0\narrivals = "poisson"\nmax_in_flight = 64'


def request(sent_ms, lasted_ms, reads_s=50.0):
    return {"sent_ns": sent_ms * MS, "end_ns": lasted_ms * MS, "reads_s": reads_s}


def ran(rates, round_=1, **seen):
    """A finished run of the plan's target in which that came through."""
    load = {"flow": {"stream_reads_s": rates, "in_flight": 1, **seen}}
    return streams.manifest(f"r{round_}", round=round_, load=load)


def due(folder, *recorded, **written):
    this = plan.load(plans.write(folder, **written))
    return flow.loads(this, plan.runs(this, streams.NIGHT, ["t"], [1]), recorded)


def test_a_run_tells_the_median_rate_of_its_streams_and_how_many_there_were_at_once():
    taken = [request(0, 100, 40.0), request(50, 100, 60.0), request(90, 5, 1000.0), request(150, 10, None)]
    assert flow.seen(taken) == {"stream_reads_s": 60.0, "in_flight": 3}


def test_a_run_of_which_nothing_came_tells_no_rate():
    unsent = {"sent_ns": None, "end_ns": None, "reads_s": None}
    assert flow.seen([unsent]) == {"stream_reads_s": None, "in_flight": 0}


def test_where_no_run_has_told_its_rate_the_plans_is_taken(tmp_path):
    assert due(tmp_path, concurrency=3) == [Load(3, 500.0)]
    assert due(tmp_path, streams.manifest(load={"scenario": {}}), ran(None)) == [Load(1, 500.0)]


def test_the_rate_is_that_of_the_last_run_to_the_nearest_double(tmp_path):
    assert due(tmp_path, ran(500.0), ran(30.0, 2), concurrency=4) == [Load(4, 25.0)]
    assert due(tmp_path, ran(40.0)) == [Load(1, 50.0)]
    assert due(tmp_path, ran(3.0)) == [Load(1, flow.SLOWEST_TOK_S)]
    assert due(tmp_path, ran(2000.0), concurrency=100) == [Load(100, 400.0)]  # what the truth server can do


def test_runs_of_one_load_are_calibrated_once(tmp_path):
    extra = "[targets.u]" + plans.TARGET + "[targets.v]" + plans.TARGET
    this = plan.load(plans.write(tmp_path, extra=extra))
    told = [streams.manifest(name, target=streams.target(name), load={"flow": {"stream_reads_s": rate}})
            for name, rate in (("t", 45.0), ("u", 60.0), ("v", 190.0))]  # fmt: skip
    runs = plan.runs(this, streams.NIGHT, ["t", "u", "v"], [1])
    assert flow.loads(this, runs, told) == [Load(1, 50.0), Load(1, 200.0)]


def test_a_target_behind_tls_is_calibrated_through_it(tmp_path):
    assert due(tmp_path, url="https://provider.test/v1") == [Load(1, 500.0, is_tls=True)]


def test_an_open_loop_is_calibrated_with_about_as_many_streams_as_came(tmp_path):
    assert due(tmp_path, load=OPEN) == [Load(64, 500.0, 2.0)]
    assert due(tmp_path, ran(50.0, in_flight=7), load=OPEN) == [Load(8, 50.0, 2.0)]


@given(st.integers(1, 1024), st.sampled_from([12.5, 50.0, 400.0]), st.one_of(st.none(), st.floats(0.1, 100)))
def test_a_calibration_is_short_has_enough_events_and_as_many_streams_as_its_load(concurrency, tok_s, rate_req_s):
    load = Load(concurrency, tok_s, rate_req_s)
    tokens, starts_s = load.tokens(10**6), [at / 1e9 for at in load.starts_ns()]
    ends_s = [at + tokens / tok_s for at in starts_s]
    assert max(ends_s) < 2 * load.span_s + 1 / tok_s
    assert tokens * len(starts_s) >= flow.EVENTS / 2
    at_once = max(sum(start <= at < end for start, end in zip(starts_s, ends_s, strict=True)) for at in starts_s)
    slack = 1 + (rate_req_s or 0) / tok_s
    assert concurrency - slack <= at_once <= concurrency + slack


def test_tokens_of_a_stream_are_never_more_than_the_plan_allows():
    assert Load(1, 400.0).tokens(100) == 100


def test_a_night_is_calibrated_at_the_rate_that_its_runs_and_those_of_the_last_night_had(layout, tmp_path):
    paced = [HELLO[0], *[step for part in HELLO[1:-1] * 8 for step in (part, 0.02)], HELLO[-1]]
    earlier = streams.manifest("old", night=streams.NIGHT, load={"flow": {"stream_reads_s": 100.0}})
    RunStore(layout.traces, earlier).close("finished")
    with serving(paced) as server:
        path = plans.write(tmp_path, server.url, warmup=0, calibration_tokens=30)
        (manifest,) = collect(layout, path)
    assert 25 < manifest.load["flow"]["stream_reads_s"] < 70
    assert manifest.load["flow"]["in_flight"] == 1
    taken = trace.calibrations(layout.traces, tonight())
    assert [(one.moment, one.tok_s, one.error) for one in taken] == [("before", 100.0, None), ("after", 50.0, None)]


@pytest.mark.parametrize("known", [flow.NIGHTS, flow.NIGHTS + 1])
def test_so_many_earlier_nights_are_asked(layout, known):
    for day in range(1, known + 1):
        night = streams.NIGHT.replace(day=day)
        RunStore(layout.traces, streams.manifest(f"n{day}", night=night)).close("finished")
    found = flow.before(layout.traces, streams.NIGHT)
    assert [one.night.day for one in found] == list(range(known + 1 - flow.NIGHTS, known + 1))


def test_a_night_that_cannot_be_read_tells_no_rate_and_stops_no_collection(layout):
    for day in (1, 2):
        RunStore(layout.traces, streams.manifest(f"n{day}", night=streams.NIGHT.replace(day=day))).close("finished")
    (broken,) = layout.traces.glob("night=2026-11-01/*/*/manifest.json")
    broken.write_text("{")
    assert [one.run_id for one in flow.before(layout.traces, streams.NIGHT)] == ["n2"]
