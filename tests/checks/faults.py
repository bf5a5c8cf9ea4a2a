"""One planted fault for each check: `<table>.<check>` → how to spoil a good night so that it must fail."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from .good_night import MS, RUN, Night

Fault = Callable[[Night], None]
REFUSED = 11  # row of the refused request


def put(table: str, row: int = 1, **values: Any) -> Fault:
    """Overwrite cells of one row."""

    def spoil(night: Night) -> None:
        assert set(values) <= set(night.rows[table][row])
        night.rows[table][row] |= values

    return spoil


def plant(table: str, *rows: dict[str, Any]) -> Fault:
    """Add rows to a table that is empty in a good night; cells that are not named are null."""

    def spoil(night: Night) -> None:
        assert all(set(row) <= set(night.schemas[table]) for row in rows)
        night.rows[table] += [{**dict.fromkeys(night.schemas[table]), **row} for row in rows]

    return spoil


def twice(table: str) -> Fault:
    return lambda night: night.rows[table].append(dict(night.rows[table][0]))


def lose(table: str, row: int = 1) -> Fault:
    def spoil(night: Night) -> None:
        del night.rows[table][row]

    return spoil


def empty(table: str) -> Fault:
    return lambda night: night.rows[table].clear()


def metric(name: str, **values: Any) -> Fault:
    """Overwrite cells of one metric's summary."""

    def spoil(night: Night) -> None:
        [row] = [row for row in night.rows["summary"] if row["metric"] == name]
        assert set(values) <= set(row)
        row |= values

    return spoil


EVENTS = {
    "rows_exist": empty("events"),
    "one_row_per_event": twice("events"),
    "event_index_counts_from_zero": put("events", event_index=-1),
    "stamps_follow_sent": put("events", row=0, at_ns=-1),
    "events_fit_the_body": put("events", data_bytes=-1),
    "usage_is_no_negative_count": put("events", completion_tokens=-1),
    "facts_present": put("events", is_done=None),
    "stamps_run_forward": put("events", row=2, at_ns=1),
    "one_stamp_a_read": put("events", row=5, at_ns=411 * MS),
    "none_lost": lose("events"),
    "text_is_a_token": put("events", has_token=False),
    "done_is_no_token": put("events", row=5, has_token=True),
}

REQUESTS = {
    "rows_exist": empty("requests"),
    "one_night": put("requests", night=date(2026, 11, 4)),
    "one_row_per_request": twice("requests"),
    "status_is_known": put("requests", status="fine"),
    "outcome_is_known": put("requests", outcome="fine"),
    "provenance_is_known": put("requests", provenance="guessed"),
    "token_source_is_known": put("requests", token_source="guessed"),
    "http_status_is_one": put("requests", http_status=0),
    "rounds_count_from_one": put("requests", round=0),
    "concurrency_counts_from_one": put("requests", concurrency=0),
    "token_events_are_events": put("requests", event_count=2),
    "arrivals_hold_token_events": put("requests", arrival_count=4),
    "arrivals_are_reads": put("requests", read_count=2),
    "tokens_within_the_request": put("requests", tokens_reported=9),
    "first_arrival_is_a_part": put("requests", tokens_first_arrival=7),
    "facts_present": put("requests", family=None),
    "time_runs_forward": put("requests", last_token_ns=1),
    "connected_before_sent": put("requests", row=0, tls_ns=9 * MS),
    "sent_on_schedule": put("requests", sent_ns=0),
    "status_fits_the_transport": put("requests", row=REFUSED, http_status=200),
    "status_fits_the_stream": put("requests", finish_reason=None),
    "metrics_only_for_successes": put("requests", row=REFUSED, has_metrics=True),
    "metrics_have_marks": put("requests", first_byte_ns=None),
    "metrics_have_tokens": put("requests", tokens=0),
    "tokens_say_their_source": put("requests", tokens=7),
    "token_counts_agree": put("requests", tokens_reported=8),
    "events_belong": put("events", row=0, request_id="nobody's"),
    "events_add_up": lose("events"),
    "marks_are_stamps": put("requests", first_token_ns=150 * MS),
    "bytes_add_up": put("requests", body_bytes=239),
    "retries_follow_refusals": put("requests", row=5, attempt=2, retry_of="run/0003"),
    "concurrency_held": put("requests", end_ns=1500 * MS),
    "model_is_the_one_asked_for": put("requests", model_echoed="smollm2-360m-instruct"),
    "model_is_spelled_as_asked": put("requests", model_echoed="smollm2-135m-instruct-0824"),
    "model_is_echoed": put("requests", model_echoed=None),
    "reads_add_up": put("requests", bytes_stored=299),
    "nulls_are_explained": put("requests", first_token_ns=None),
    "successes_have_tokens": put("requests", tokens=None, token_source=None),
}

TTFT = {
    "rows_exist": empty("ttft"),
    "one_row_per_request": twice("ttft"),
    "ttft_is_known": put("ttft", ttft_ms=None),
    "ttft_is_positive": put("ttft", ttft_ms=0.0),
    "ttft_is_plausible": put("ttft", ttft_ms=0.4),
    "first_byte_comes_first": put("ttft", first_byte_ms=300.0),
    "content_is_a_token": put("ttft", ttft_content_ms=1.0),
    "cold_includes_warm": put("ttft", ttft_cold_ms=1.0),
    "load_was_in_time": put("ttft", schedule_lag_ms=2001.0),
    "provenance_is_known": put("ttft", provenance="guessed"),
    "successes_and_no_others": lose("ttft"),
    "follows_from_marks": put("ttft", ttft_ms=202.001),
    "cold_only_on_new_connections": put("ttft", ttft_cold_ms=300.0),
    "not_below_the_round_trip": put("ttft", ttft_ms=1.999),
}

OUTPUT_SPEED = {
    "rows_exist": empty("output_speed"),
    "one_row_per_request": twice("output_speed"),
    "e2e_is_known": put("output_speed", e2e_ms=None),
    "e2e_is_positive": put("output_speed", e2e_ms=0.0),
    "tpot_is_positive": put("output_speed", tpot_ms=0.0),
    "speed_is_plausible": put("output_speed", output_speed_tok_s=10_001.0),
    "token_source_is_known": put("output_speed", token_source="guessed"),
    "provenance_is_known": put("output_speed", provenance="guessed"),
    "successes_and_no_others": put("output_speed", request_id="20261103-embedded-chat-short-single-1/0000"),
    "speed_is_inverse_of_tpot": put("output_speed", output_speed_tok_s=None),
    "follows_from_marks": put("output_speed", tpot_ms=None, output_speed_tok_s=None),
}

THROUGHPUT = {
    "rows_exist": empty("throughput"),
    "one_row_per_run": twice("throughput"),
    "success_rate_is_a_share": put("throughput", row=0, success_rate=1.1),
    "rent_is_not_negative": put("throughput", row=0, rented_usd_per_million_tokens=-1.0),
    "most_requests_succeed": put("throughput", row=0, success_rate=0.89),
    "window_is_not_empty": put("throughput", row=0, window_s=0.0),
    "window_is_long_enough": put("throughput", row=0, window_s=0.9),
    "throughput_is_not_negative": put("throughput", row=0, output_throughput_tok_s=-1.0),
    "concurrency_counts_from_one": put("throughput", row=0, concurrency=0),
    "success_is_a_part": put("throughput", row=0, requests_with_metrics=12),
    "no_more_than_planned": put("throughput", row=0, requests_planned=10),
    "provenance_is_known": put("throughput", row=0, provenance="guessed"),
    "every_run": lose("throughput", row=0),
    "success_rate_adds_up": put("throughput", row=0, requests_sent=10),
    "rates_are_counts_over_time": put("throughput", row=0, window_s=None),
    "goodput_is_a_part": put("throughput", row=0, requests_inside_slo=11),
    "window_holds_a_part": put("throughput", row=0, tokens_in_window=61.0),
    "recorded_requests_are_there": lose("requests"),
    "streams_bound_it": put("throughput", row=0, requests_in_window=11),
    "energy_adds_up": put("throughput", row=0, energy_j=1.0),
}

SUMMARY = {
    "rows_exist": empty("summary"),
    "one_night": put("summary", night=date(2026, 11, 4)),
    "one_row_per_series_and_metric": twice("summary"),
    "n_counts_from_one": put("summary", n=0),
    "n_is_more_than_a_handful": metric("ttft_ms", n=4),
    "success_rate_is_a_share": put("summary", success_rate=-0.1),
    "unit_is_known": put("summary", unit=None),
    "rounds_count_from_one": put("summary", rounds=0),
    "provenance_is_known": put("summary", provenance="guessed"),
    "token_source_is_known": put("summary", token_source="guessed"),
    "figures_are_numbers": metric("ttft_ms", mean=float("nan")),
    "no_zero_for_nothing": metric("tpot_ms", p10=0.0),
    "percentiles_ascend": metric("e2e_ms", p25=1.0),
    "intervals_hold_their_figure": metric("ttft_ms", p50_low=1.0),
    "p99_needs_a_hundred": metric("ttft_ms", p99=1000.0),
    "no_more_values_than_requests": put("summary", n=12),
    "ends_after_it_starts": metric("e2e_ms", p50=1.0),
    "medians_follow_from_requests": metric("output_speed_tok_s", p50=21.0),
}

RUNS = {
    "one_row_per_run": twice("runs"),
    "load_is_known": put("runs", row=0, load="spiral"),
    "runs_were_finished": put("runs", row=0, outcome="interrupted"),
    "clock_stood": put("runs", row=0, clock_steps=1),
    "clock_maps_exactly": put("runs", row=0, clock_error_ns=50_000),
    "rows_exist": empty("runs"),
    "no_request_was_lost": put("runs", row=0, requests_lost=1),
    "rounds_count_from_one": put("runs", row=0, round=0),
    "plan_is_named": put("runs", row=0, plan_sha256=None),
    "started_in_its_night": put("runs", row=0, started_at=datetime(2026, 11, 4, 7, 1, tzinfo=UTC)),
}

CALIBRATION = {
    "one_row_per_calibration": twice("calibration"),
    "stamps_follow_writes": put("calibration", stamp_error_p50_ns=-5_000.0),
    "calibrations_succeed": put("calibration", error="the truth server ended"),
    "few_reads_are_shared": put("calibration", shared_read_share=0.2),
}

INSTRUMENT = {
    "one_row_per_figure": twice("instrument"),
    "figure_is_positive": put("instrument", figure_ms=0.0),
    "error_stays_below_five_percent": put("instrument", error_share=0.06),
    "error_stays_below_one_percent": put("instrument", error_share=0.02),
    "every_figure_has_its_error": put("instrument", error_share=None),
    "calibrated_near_its_rate": put("instrument", stream_reads_s=50.0, calibrated_tok_s=400.0),
}

PAIR = {
    "night": date(2026, 11, 3), "family": "f", "workload": "w", "scenario": "s", "provenance": "measured",
    "metric": "ttft_ms", "target": "a", "other": "b", "rounds": 3, "difference": 5.0, "difference_low": 1.0,
    "difference_high": 9.0, "ratio": 1.2, "ratio_low": 1.1, "ratio_high": 1.3, "verdict": "higher",
}  # fmt: skip

COMPARISON = {
    "one_row_per_pair_and_metric": plant("comparison", PAIR, PAIR),
    "rounds_count_from_one": plant("comparison", {**PAIR, "rounds": 0}),
    "verdict_is_known": plant("comparison", {**PAIR, "verdict": "better"}),
    "verdict_follows_from_the_interval": plant("comparison", {**PAIR, "ratio_low": 0.9}),
    "intervals_hold_their_figure": plant("comparison", {**PAIR, "difference": 10.0}),
    "nobody_is_compared_with_himself": plant("comparison", {**PAIR, "other": "a"}),
}

ALIKE = {
    "night": date(2026, 11, 3), "model": "m", "family": "f", "provenance": "measured", "probe": "identity",
    "target": "a", "other": "b", "is_same_claim": True, "unit": "tokens", "prompts": 6, "prompts_agreeing": 5,
    "prefix_chars": 90.0, "prefix_tokens": 24.0, "token_agreement": 0.6, "agrees": True,
}  # fmt: skip
APART = {
    **ALIKE,
    "other": "c",
    "prompts_agreeing": 1,
    "prefix_tokens": 2.0,
    "token_agreement": 0.1,
    "agrees": False,
}

IDENTITY = {
    "one_row_per_pair_and_probe": plant("identity", ALIKE, ALIKE),
    "token_agreement_is_a_share": plant("identity", {**ALIKE, "token_agreement": 1.1}),
    "agreeing_is_a_part": plant("identity", {**ALIKE, "prompts_agreeing": 7}),
    "agrees_follows_from_prompts": plant("identity", {**ALIKE, "prompts_agreeing": 1}),
    "claims_are_kept": plant("identity", ALIKE, APART, {**APART, "target": "b"}),
}

LIMIT = {
    "night": date(2026, 11, 3), "target": "a", "model": "m", "workload": "w", "scenario": "s", "metric": "ttft_ms",
    "benchmark": "Llama 3.1 8B server", "n": 500, "over": 0, "needed_under": 459, "is_shown": True,
}  # fmt: skip

EARLY_STOPPING = {
    "one_row_per_limit": plant("early_stopping", LIMIT, LIMIT),
    "over_is_a_part": plant("early_stopping", {**LIMIT, "over": 501}),
    "shown_with_enough_under_it": plant("early_stopping", {**LIMIT, "n": 458}),
}

SERVER_TIMINGS = {
    "one_row_per_request": twice("server_timings"),
    "decode_is_not_above_server": put("server_timings", is_decode_above_server=True),
    "ttft_is_not_below_server": put("server_timings", is_ttft_below_server=True),
    "end_is_not_below_server": put("server_timings", is_end_below_server=True),
    "ttft_holds_no_queue": put("server_timings", is_queue_in_ttft=True),
    "times_are_times": put("server_timings", server_prefill_ms=float("nan")),
    "parts_fit_the_whole": put("server_timings", server_decode_ms=300.0),
    "flags_follow_from_figures": put("server_timings", server_decode_tok_s=10.0),
    "follows_from_marks": put("server_timings", ttft_ms=202.001),
}

LIMITS = {
    "one_row_per_limit": twice("limits"),
    "period_is_known": put("limits", period="fortnight"),
    "remaining_is_a_part": put("limits", remaining=14_401.0),
    "some_is_left": put("limits", remaining=1_000.0),
    "states_something": put("limits", allowed=None, remaining=None),
    "requests_belong": put("limits", request_id="nobody's"),
}

ITL = {
    "one_row_per_gap": twice("itl"),
    "gaps_take_time": put("itl", gap_ns=0),
    "null_has_a_reason": put("itl", reason=None),
    "gaps_fill_the_decode": lose("itl"),
}

PAID = {
    "request_id": "a", "prompt_tokens": 10, "tokens_reported": 100, "usd_per_million_input": 1.0,
    "usd_per_million_output": 2.0, "price_source": "a list", "usd_per_request": 210e-6,
    "usd_per_million_tokens": 2.1,
}  # fmt: skip

COST = {
    "one_row_per_request": plant("cost", PAID, PAID),
    "cost_is_not_negative": plant("cost", {**PAID, "usd_per_request": -210e-6}),
    "price_has_a_source": plant("cost", {**PAID, "price_source": None}),
    "follows_from_prices": plant("cost", {**PAID, "usd_per_million_tokens": 2.0}),
}

NEAR = {"request_id": "a", "bandwidth_ceiling_share": 0.8, "bandwidth_source": "a data sheet"}

BANDWIDTH = {
    "one_row_per_request": plant("bandwidth", NEAR, NEAR),
    "share_is_below_one": plant("bandwidth", {**NEAR, "bandwidth_ceiling_share": 1.3}),
    "share_is_positive": plant("bandwidth", {**NEAR, "bandwidth_ceiling_share": 0.0}),
    "ceiling_has_a_source": plant("bandwidth", {**NEAR, "bandwidth_source": None}),
}

HARDWARE = {
    "one_row_per_run_and_device": twice("hardware"),
    "every_run": put("hardware", row=0, is_counted=False),
    "null_has_a_reason": put("hardware", row=0, energy_j=None),
    "energy_is_positive": put("hardware", row=0, energy_j=0.0),
    "devices_answer": put("hardware", row=0, errors=1, error="energy_uj: GPU is lost"),
    "sampler_is_cheap": put("hardware", row=0, sampler_cpu_share=0.2),
    "power_within_limit": put("hardware", row=0, power_mean_w=720.0),
    "energy_fits_power": put("hardware", row=0, window_s=20.0),
    "samples_cover_the_window": put("hardware", row=0, covered_share=0.9),
    "not_throttled": put("hardware", row=0, throttled_share=0.06),
    "never_too_hot": put("hardware", row=0, throttle_reasons="power_cap, software_thermal"),
}

SWEPT = {
    "night": date(2026, 11, 3), "target": "t", "model": "m", "family": "f", "workload": "w", "sweep": "s",
    "load": "closed", "provenance": "measured",
}  # fmt: skip
LEVEL = {
    **SWEPT, "scenario": "s-1", "level": 1.0, "slo_share": 1.0, "gpus": 2,
    "success_rate": 1.0, "output_throughput_tok_s": 100.0, "throughput_per_gpu_tok_s": 50.0,
    "output_speed_p50_tok_s": 100.0,
}  # fmt: skip
NEXT = {**LEVEL, "scenario": "s-2", "level": 2.0, "output_throughput_tok_s": 150.0, "throughput_gain": 0.5}
NEXT |= {"throughput_per_gpu_tok_s": 75.0}
KNEE = {
    **SWEPT, "levels": 2, "max_throughput_tok_s": 150.0,
    "max_throughput_level": 2.0, "knee_reason": "still rising", "slo_level": 2.0,
}  # fmt: skip

SWEEPS = {
    "one_row_per_level": plant("sweeps", LEVEL, LEVEL),
    "slo_share_is_a_share": plant("sweeps", {**LEVEL, "slo_share": 1.1}),
    "most_requests_succeed": plant("sweeps", {**LEVEL, "success_rate": 0.8}),
    "figures_follow": plant("sweeps", LEVEL, {**NEXT, "throughput_gain": 0.2}),
    "users_share_the_throughput": plant("sweeps", {**LEVEL, "output_throughput_tok_s": 120.0}),
}

KNEES = {
    "one_row_per_sweep": plant("knees", KNEE, KNEE),
    "null_has_a_reason": plant("knees", {**KNEE, "knee_reason": None}),
    "knee_is_on_the_curve": plant("knees", {**KNEE, "knee_level": 3.0, "knee_reason": None}),
}

EVENT_TOKENS = {
    "one_row_per_event": twice("event_tokens"),
    "tokens_are_counts": put("event_tokens", tokens=-1),
    "text_is_tokens": put("event_tokens", tokens_alone=0),
    "reads_add_up": put("event_tokens", tokens_of_read=3),
}


def told(table: str, dialect: str, metric: str, **values: Any) -> Fault:
    """Overwrite cells of the first figure of this tool."""

    def spoil(night: Night) -> None:
        rows = [row for row in night.rows[table] if (row["dialect"], row["metric"]) == (dialect, metric)]
        assert set(values) <= set(rows[0])
        rows[0] |= values

    return spoil


METRIC_DIALECTS = {
    "one_value_per_request_dialect_and_metric": twice("metric_dialects"),
    "value_is_known": put("metric_dialects", value=None),
    "value_is_not_negative": put("metric_dialects", value=-1.0),
    "ours_are_ours": told("metric_dialects", "tokenclock", "ttft_ms", value=1.0),
    "event_tokens_add_up": put("event_tokens", tokens=3),
    "gaps_lie_between_events": told("metric_dialects", "vllm", "itl_ms", gap_count=0),
}

DIALECT_SUMMARY = {
    "one_row_per_series": twice("dialect_summary"),
    "n_counts_from_one": put("dialect_summary", n=0),
    "percentile_rule_is_known": put("dialect_summary", percentile_rule=None),
    "counts_are_parts": put("dialect_summary", requests_counted=12),
    "ours_count_successes": told("dialect_summary", "tokenclock", "ttft_ms", requests_counted=9),
    "percentiles_ascend": told("dialect_summary", "tokenclock", "ttft_ms", p90=1.0),
}

TARGET = {
    "night": date(2026, 11, 3), "target": "a", "kind": "hosted", "family": "f", "provenance": "measured",
    "may_publish": True, "usd_per_million_input": 1.0, "usd_per_million_output": 2.0, "price_source": "a list",
    "status": "recorded", "host": "a machine",
}  # fmt: skip

TARGETS = {
    "one_row_per_target": plant("targets", TARGET, TARGET),
    "rent_has_a_source": plant("targets", {**TARGET, "usd_per_hour": 2.5}),
    "status_is_known": plant("targets", {**TARGET, "status": "lost"}),
    "kind_is_known": plant("targets", {**TARGET, "kind": "borrowed"}),
    "provenance_is_known": plant("targets", {**TARGET, "provenance": "guessed"}),
    "family_is_known": plant("targets", {**TARGET, "family": None}),
    "may_publish_is_decided": plant("targets", {**TARGET, "may_publish": None}),
    "price_is_not_negative": plant("targets", {**TARGET, "usd_per_million_output": -2.0}),
    "status_has_a_reason": plant("targets", {**TARGET, "status": "skipped"}),
    "enabled_ones_are_fresh": plant("targets", {**TARGET, "status": "failed", "reason": "the engine died"}),
}

PLANNED = {
    "night": date(2026, 11, 3), "target": "a", "workload": "w", "scenario": "s", "round": 1, "status": "finished",
    "run_id": "a.w.s.r01", "attempts": 1,
}  # fmt: skip

PLANNED_RUNS = {
    "one_row_per_run": plant("planned_runs", PLANNED, PLANNED),
    "status_is_known": plant("planned_runs", {**PLANNED, "status": "lost"}),
    "rounds_count_from_one": plant("planned_runs", {**PLANNED, "round": 0}),
    "every_run_is_accounted_for": plant("planned_runs", {**PLANNED, "status": "missing", "run_id": None}),
    "status_has_a_reason": plant("planned_runs", {**PLANNED, "status": "failed"}),
}

BILL = {
    "night": date(2026, 11, 3), "target": "a", "provenance": "measured", "requests_sent": 0,
    "requests_without_usage": 0, "prompt_tokens": 1000, "completion_tokens": 500, "usd_per_million_input": 1.0,
    "usd_per_million_output": 2.0, "price_source": "a list", "usd": 0.002, "target_max_usd": 0.01,
    "night_max_usd": 0.02,
}  # fmt: skip

SPEND = {
    "one_row_per_target_and_price": plant("spend", BILL, BILL),
    "usd_is_not_negative": plant("spend", {**BILL, "usd": -0.002}),
    "price_is_known": plant("spend", {**BILL, "usd": None, "usd_per_million_input": None}),
    "usage_is_reported": plant("spend", {**BILL, "requests_without_usage": 1}),
    "without_usage_is_a_part": plant("spend", {**BILL, "requests_without_usage": 1}),
    "provenance_is_known": plant("spend", {**BILL, "provenance": "guessed"}),
    "follows_from_prices": plant("spend", {**BILL, "usd": 0.003}),
    "night_stays_within_its_budget": plant("spend", *({**BILL, "target": name, "usd": 0.009} for name in "abc")),
    "target_stays_within_its_budget": plant("spend", {**BILL, "usd": 0.011}),
    "requests_belong": plant("spend", {**BILL, "requests_sent": 1}),
}

TRACE_FILES = {
    "rows_exist": empty("trace_files"),
    "one_row_per_run_and_file": twice("trace_files"),
    "one_row_per_path": put("trace_files", path=f"night=2026-11-03/target=embedded/{RUN}/hardware.parquet"),
    "sha256_is_known": put("trace_files", sha256=None),
    "sha256_is_one": put("trace_files", sha256="5A" * 32),
    "rows_are_counted": put("trace_files", row=0, rows=-1),
    "every_run_is_whole": lose("trace_files"),
    "manifest_alone_has_no_rows": put("trace_files", row=0, rows=None),
    "path_follows_from_run": put("trace_files", target="another"),
}

SAID = {
    "request_id": f"{RUN}/0000", "night": date(2026, 11, 3), "target": "a", "model": "m", "family": "f",
    "provenance": "measured", "model_id": "m", "probe": "identity", "prompt_index": 0,
    "prompts_sha256": "5a" * 32, "status": "complete", "content": "the sky is blue",
}  # fmt: skip

PROBE_ANSWERS = {
    "one_row_per_request": plant("probe_answers", SAID, SAID),
    "status_is_known": plant("probe_answers", {**SAID, "status": "broken_off"}),
    "prompt_index_counts_from_zero": plant("probe_answers", {**SAID, "prompt_index": -1}),
    "prompts_sha256_is_one": plant("probe_answers", {**SAID, "prompts_sha256": "5a"}),
    "provenance_is_known": plant("probe_answers", {**SAID, "provenance": "guessed"}),
    "says_something": plant("probe_answers", {**SAID, "content": None}),
    "requests_are_in_no_metric": plant("probe_answers", {**SAID, "request_id": f"{RUN}/0001"}),
    "one_probe_a_night": plant("probe_answers", SAID, {**SAID, "target": "b", "prompts_sha256": "a5" * 32}),
}

FAULTS = {
    f"{table}.{check}": fault
    for table, faults in {
        "events": EVENTS,
        "runs": RUNS,
        "requests": REQUESTS,
        "ttft": TTFT,
        "output_speed": OUTPUT_SPEED,
        "throughput": THROUGHPUT,
        "summary": SUMMARY,
        "calibration": CALIBRATION,
        "instrument": INSTRUMENT,
        "comparison": COMPARISON,
        "identity": IDENTITY,
        "early_stopping": EARLY_STOPPING,
        "server_timings": SERVER_TIMINGS,
        "limits": LIMITS,
        "itl": ITL,
        "cost": COST,
        "bandwidth": BANDWIDTH,
        "hardware": HARDWARE,
        "sweeps": SWEEPS,
        "knees": KNEES,
        "event_tokens": EVENT_TOKENS,
        "metric_dialects": METRIC_DIALECTS,
        "dialect_summary": DIALECT_SUMMARY,
        "targets": TARGETS,
        "planned_runs": PLANNED_RUNS,
        "spend": SPEND,
        "trace_files": TRACE_FILES,
        "probe_answers": PROBE_ANSWERS,
    }.items()
    for check, fault in faults.items()
}
