"""Curves of throughput against speed per user, and where they bend."""

import json

import polars as pl
import pytest

from pipeline.tables import knees, sweeps
from pipeline.tables.runs import SLO

RUN = {
    "night": "2026-11-24", "target": "t", "model": "m", "family": "f", "workload": "w", "sweep": "s",
    "provenance": "measured", "load": "closed", "rate_req_s": None, "slo_ttft_ms": 500.0, "slo_tpot_ms": 50.0,
    "slo_e2e_ms": None, "engine_facts": json.dumps({"details": {"tensor_parallel": 4}}),
}  # fmt: skip
STRINGS = dict.fromkeys(("sweep", "engine_facts", "provenance"), pl.String)
NUMBERS = {"rate_req_s": pl.Float64, "concurrency": pl.Int32, **dict.fromkeys(SLO, pl.Float64)}


def curve(*levels, requests=20, devices=0, **more):
    """Tables of one run a level: (streams, tok/s of all, TTFT, ms a token), and what is made of them."""
    runs, sent, throughput = [], [], []
    for streams, tok_s, ttft, tpot in levels:
        run_id = f"{more.get('sweep', 's')}-{streams}"
        place = {"rate_req_s": float(streams)} if more.get("load") == "open" else {}
        runs.append({**RUN, "run_id": run_id, "scenario": run_id, "concurrency": streams, **more, **place})
        throughput.append(
            {
                "run_id": run_id, "requests_sent": requests, "requests_with_metrics": requests,
                "output_throughput_tok_s": tok_s, "request_throughput_req_s": 1.0, "goodput_req_s": 1.0,
                "joules_per_token": 0.5,
            }
        )  # fmt: skip
        for index in range(requests):
            first = round(ttft * 1e6)
            sent.append(
                {
                    "run_id": run_id, "request_id": f"{run_id}/{index}", "is_warmup": False, "has_metrics": True,
                    "first_token_ns": first, "last_token_ns": first + round(100 * tpot * 1e6), "tokens": 101,
                    "tokens_first_arrival": 1, "arrival_count": 101, "ttft_ms": ttft, "tpot_ms": tpot,
                    "output_speed_tok_s": 1000 / tpot,
                }
            )  # fmt: skip
    numbers = {"output_throughput_tok_s": pl.Float64}
    gpus = [
        {"run_id": run["run_id"], "device": f"gpu{n}", "is_counted": True} for run in runs for n in range(devices)
    ]
    requests_frame = pl.DataFrame(sent)
    made = sweeps.build(
        pl.DataFrame(runs, schema_overrides=STRINGS | NUMBERS),
        requests_frame.drop("ttft_ms", "tpot_ms", "output_speed_tok_s"),
        pl.DataFrame(throughput, schema_overrides=numbers),
        requests_frame.select("run_id", "ttft_ms"),
        requests_frame.select("run_id", "tpot_ms", "output_speed_tok_s"),
        pl.DataFrame(gpus, schema={"run_id": pl.String, "device": pl.String, "is_counted": pl.Boolean}),
    )
    return made.to_dicts(), *knees.build(made).to_dicts()


RISING = [(1, 100.0, 50, 10), (2, 180.0, 60, 11), (4, 300.0, 90, 13)]


def test_a_level_holds_what_the_system_delivers_and_what_its_users_see():
    (first, second, _), _ = curve(*RISING)
    assert (first["level"], first["throughput_gain"], first["rounds"], first["requests_sent"]) == (1.0, None, 1, 20)
    assert (second["output_throughput_tok_s"], second["throughput_gain"]) == (180.0, pytest.approx(0.8))
    assert (second["ttft_p50_ms"], second["ttft_p95_ms"]) == (60, 60)
    assert second["output_speed_p50_tok_s"] == pytest.approx(1000 / 11)
    assert (second["gpus"], second["gpus_source"], second["throughput_per_gpu_tok_s"]) == (4, "tensor_parallel", 45)


def test_gpus_are_those_of_the_machine_where_the_engine_was_not_told_and_none_where_none_was_seen():
    (seen, *_), _ = curve(*RISING, devices=2, engine_facts=None)
    assert (seen["gpus"], seen["gpus_source"], seen["throughput_per_gpu_tok_s"]) == (2, "sampled", 50)
    (unseen, *_), knee = curve(*RISING, engine_facts="{}")
    assert (unseen["gpus"], unseen["gpus_source"], unseen["throughput_per_gpu_tok_s"]) == (None, None, None)
    assert knee["max_throughput_per_gpu_tok_s"] is None


def test_levels_follow_each_other_by_load_and_not_by_name():
    rows, _ = curve((16, 900.0, 50, 20), (2, 180.0, 60, 11), (4, 300.0, 90, 13))
    assert [row["level"] for row in rows] == [2, 4, 16]


def test_the_knee_is_the_last_level_worth_its_load():
    _, knee = curve(*RISING, (8, 312.0, 200, 25), (16, 310.0, 900, 50))
    assert (knee["knee_level"], knee["knee_throughput_tok_s"], knee["knee_reason"]) == (4, 300.0, None)
    assert (knee["max_throughput_tok_s"], knee["max_throughput_level"], knee["levels"]) == (312.0, 8, 5)
    assert knee["max_throughput_per_gpu_tok_s"] == 78
    assert (knee["knee_ttft_p95_ms"], knee["knee_output_speed_tok_s"]) == (90, pytest.approx(1000 / 13))


def test_a_curve_that_still_rises_has_no_knee_and_says_so():
    _, knee = curve(*RISING)
    assert (knee["knee_level"], knee["knee_reason"]) == (None, "throughput still rose by 67 % at the last level")
    _, knee = curve(RISING[0])
    assert knee["knee_reason"] == "one level alone has no gain"


def test_the_most_load_within_the_slo_is_the_last_level_before_the_first_that_breaks_it():
    _, knee = curve(*RISING, (8, 500.0, 501, 20), (16, 700.0, 400, 30))
    assert (knee["slo_level"], knee["slo_throughput_tok_s"], knee["slo_reason"]) == (4, 300.0, None)
    _, broken = curve((1, 100.0, 501, 10), *RISING[1:])
    assert (broken["slo_level"], broken["slo_reason"]) == (None, "the first level breaks it already")
    _, without = curve(*RISING, **dict.fromkeys(SLO))
    assert (without["slo_level"], without["slo_reason"]) == (None, "no SLO was set")


def test_rates_of_an_open_loop_are_levels_too():
    rows, knee = curve(*RISING, (8, 301.0, 900, 13), load="open")
    assert [row["level"] for row in rows] == [1.0, 2.0, 4.0, 8.0]
    assert (knee["load"], knee["knee_level"]) == ("open", 4.0)


def test_a_level_without_a_window_is_kept_and_is_no_point_of_the_curve():
    rows, knee = curve(RISING[0], (2, None, 60, 11), RISING[2])
    assert [row["throughput_gain"] for row in rows] == [None, None, None]
    assert (knee["levels"], knee["max_throughput_level"]) == (2, 4)


def test_a_night_without_a_sweep_has_no_curve():
    assert curve(*RISING, sweep=None) == ([],)
