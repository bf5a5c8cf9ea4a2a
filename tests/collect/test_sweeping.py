"""A sweep ends where more load brings nothing more: decided from envelopes, the same way whenever it is asked."""

import dataclasses

import pytest

from pipeline import plan, trace
from pipeline.collect import night as nights
from pipeline.collect import schedule, sweeping
from pipeline.plan import PlanError
from tests import plans, streams
from tests.servers import HELLO, serving

MS = 1_000_000
UNTIL = "until = { gain_under = 0.05, slo_kept_under = 0.9 }"
SWEEP = """
[scenarios.up]
title = "Up"
kind = "sweep"
concurrencies = [1, 2, 4, 8]
requests_per_stream = 1
requests_at_least = 2
warmup_per_stream = 0
timeout_s = 5.0
{until}
"""
RATES = """
[scenarios.up]
title = "Up"
kind = "rates"
rates_req_s = [0.5, 4, 8]
arrivals = "poisson"
max_in_flight = 64
seconds = 10.0
requests_at_least = 20
warmup_requests = 3
timeout_s = 5.0
{until}
"""
SLO = '\nslo = "quick"\n[slos.quick]\ntitle = "Quick"\n'


def written(folder, sweep=SWEEP, until=UNTIL, url="http://127.0.0.1:9/v1"):
    path = plans.write(folder, url, extra=sweep.format(until=until))
    path.write_text(path.read_text().replace('scenarios = ["s"]', 'scenarios = ["up"]'))
    return path


def level(scenario, answers_req_s, in_time=None, **more):
    """A finished level of that pace."""
    pace = {"answers_req_s": answers_req_s, "in_time_share": in_time}
    known = {"scenario": scenario, "load": {sweeping.PACE: pace}, "target": streams.target("t"), "workload": "w"}
    return streams.manifest(f"run-{scenario}", **{**known, **more})


def due(this, *recorded):
    return [run.scenario for run in schedule.due(this, recorded, streams.NIGHT, ["t"])]


def test_levels_are_due_until_one_brings_nothing_more(tmp_path):
    this = plan.load(written(tmp_path))
    assert due(this) == ["up-1", "up-2", "up-4", "up-8"]
    first, second = level("up-1", 10.0), level("up-2", 19.0)
    assert due(this, first, second) == ["up-4", "up-8"]
    assert due(this, first, second, level("up-4", 19.8)) == ["up-1", "up-2", "up-4", "up-8"]  # done: another round
    run = plan.Run(streams.NIGHT, "t", "w", "up-8", 1)
    said = sweeping.reason_to_stop(this, run, [first, second, level("up-4", 19.8)])
    assert said == "at up-4 answers a second rose by 4.2%, less than 5%"


def test_what_is_of_another_target_workload_or_round_or_was_not_finished_decides_nothing(tmp_path):
    this = plan.load(written(tmp_path))
    run = plan.Run(streams.NIGHT, "t", "w", "up-4", 1)
    flat = [level("up-1", 10.0), level("up-2", 10.0)]
    assert sweeping.reason_to_stop(this, run, flat)
    for more in ({"round": 2}, {"workload": "x"}, {"target": streams.target("u")}, {"outcome": "interrupted"}):
        assert sweeping.reason_to_stop(this, run, [flat[0], level("up-2", 10.0, **more)]) is None, more
    assert sweeping.reason_to_stop(this, dataclasses.replace(run, scenario="up-2"), flat) is None


def test_a_sweep_without_until_measures_every_level(tmp_path):
    this = plan.load(written(tmp_path, until=""))
    assert due(this, level("up-1", 10.0), level("up-2", 10.0)) == ["up-4", "up-8"]


def test_a_level_that_certainly_breaks_the_slo_is_the_last(tmp_path):
    this = plan.load(written(tmp_path, until=UNTIL + SLO + "e2e_ms = 1000"))
    assert due(this, level("up-1", 10.0, in_time=0.9)) == ["up-2", "up-4", "up-8"]
    run = plan.Run(streams.NIGHT, "t", "w", "up-2", 1)
    said = sweeping.reason_to_stop(this, run, [level("up-1", 10.0, in_time=0.85)])
    assert said == "at up-1 85% of the answers came within the longest time that the SLO allows"


@pytest.mark.parametrize(
    ("limits", "most_ms"),
    [
        ("ttft_ms = 100\ntpot_ms = 10", 100 + 30 * 10),  # the workload asks for 31 tokens
        ("ttft_ms = 100\ntpot_ms = 10\ne2e_ms = 200", 200),
        ("ttft_ms = 100", None),
    ],
)
def test_the_longest_time_within_an_slo_is_that_of_all_its_limits(tmp_path, limits, most_ms):
    this = plan.load(written(tmp_path, until=UNTIL + SLO + limits))
    assert sweeping.most_ms(this, plan.Run(streams.NIGHT, "t", "w", "up-1", 1)) == most_ms


def test_the_pace_is_of_answers_and_what_failed_is_none():
    def sent(at_ms, took_ms, status=200, outcome="ended"):
        return {"sent_ns": at_ms * MS, "end_ns": took_ms * MS, "http_status": status, "outcome": outcome}

    unsent = {"sent_ns": None, "end_ns": None, "http_status": None, "outcome": "not_connected"}
    some = [sent(0, 500), sent(500, 1500), sent(600, 10, status=429), sent(700, 900, outcome="broken_off"), unsent]
    assert sweeping.pace(some, 1000) == {"answers_req_s": 1.0, "in_time_share": 0.25}
    assert sweeping.pace(some, None)["in_time_share"] is None
    assert sweeping.pace([unsent], 1000) == {"answers_req_s": 0.0, "in_time_share": None}


def test_collecting_stops_by_itself_and_the_manifest_says_by_what(layout, tmp_path):
    with serving(HELLO) as server:
        this = plan.load(written(tmp_path, until=UNTIL + SLO + "e2e_ms = 0.001", url=server.url))
        recorded = nights.collect(nights.Collection(this, layout, nights.tonight(), {"P_API_KEY": "k"}), ["t"])
        assert len(server.requests) == 2
    assert [one.scenario for one in recorded] == ["up-1"]
    assert recorded[0].load[sweeping.PACE]["in_time_share"] == 0.0
    assert recorded[0].load[sweeping.PACE]["answers_req_s"] > 0
    assert recorded[0].load["scenario"]["sweep"] == "up"
    again = schedule.due(this, trace.manifests(layout.traces, nights.tonight()), nights.tonight(), ["t"])
    assert [(run.scenario, run.round) for run in again] == [("up-1", 2), ("up-2", 2), ("up-4", 2), ("up-8", 2)]


def test_rates_are_open_loops_that_last_equally_long(tmp_path):
    this = plan.load(written(tmp_path, RATES))
    assert this.targets["t"].scenarios == ["up-0-5", "up-4", "up-8"]
    slow, fast = this.scenarios["up-0-5"], this.scenarios["up-8"]
    assert (slow.rate_req_s, slow.requests, slow.sweep) == (0.5, 20, "up")
    assert (fast.rate_req_s, fast.requests, fast.warmup_requests) == (8.0, 80, 3)


@pytest.mark.parametrize("sweep", [SWEEP, RATES])
def test_a_sweep_that_ends_by_itself_goes_upwards(tmp_path, sweep):
    downwards = sweep.replace("[1, 2, 4, 8]", "[8, 4]").replace("[0.5, 4, 8]", "[8, 4]")
    with pytest.raises(PlanError, match=r"\[scenarios.up\]: with `until` each level must be above"):
        plan.load(written(tmp_path, downwards))
    assert plan.load(written(tmp_path, downwards, until="")).targets["t"].scenarios == ["up-8", "up-4"]


def test_offline_sends_all_at_once_and_its_window_holds_all(layout, tmp_path):
    path = plans.write(tmp_path, load='kind = "offline"', requests=5, warmup=1)
    with serving([*HELLO[:2], 0.05, *HELLO[2:]]) as server:
        path.write_text(path.read_text().replace("http://127.0.0.1:9/v1", server.url))
        this = plan.load(path)
        [run] = nights.collect(nights.Collection(this, layout, nights.tonight(), {"P_API_KEY": "k"}), ["t"])
    assert run.concurrency == 5
    requests, _ = trace.load(layout.traces, run.night)
    measured = requests.filter(~requests["is_warmup"])
    assert measured["sent_ns"].max() < (measured["sent_ns"] + measured["end_ns"]).min()
