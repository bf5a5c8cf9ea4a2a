import json

import pytest

from pipeline import tables
from pipeline.layout import PACKAGE
from pipeline.tables import bandwidth, metrics
from tests import streams
from tests.tables.nights import build, night_of

RELEASES = PACKAGE.parent / "data-releases"
STEADY = [
    (100, streams.ROLE),
    *((200 + 10 * n, streams.chunk(" two")) for n in range(11)),
    (320, streams.chunk(finish="stop")),
    (330, streams.DONE),
]
PRICED = {"usd_per_million_input": 1.0, "usd_per_million_output": 2.0, "price_source": "made up"}


def one_run(*scripts, target=None, load=None, tokenizer=None):
    """Tables of one run of these streams, a second and a half apart."""
    recorded = night_of(tokenizer, *scripts)
    run = streams.manifest(
        target=streams.target(tokenizer=tokenizer, **(target or {})), load=load, requests_planned=len(scripts)
    )
    return build(streams.recorded(recorded.requests.to_dicts(), recorded.reads.to_dicts(), run))


def figure(made, metric):
    (row,) = made["summary"].filter(metric=metric).to_dicts()
    return row


def test_gaps_between_single_tokens_are_published(words):
    made = one_run(STEADY, tokenizer=words)
    assert made["itl"]["itl_ms"].to_list() == [10] * 10
    assert made["itl"]["tokens_delivered"].to_list() == [1] * 10
    assert (figure(made, "itl_ms")["n"], figure(made, "itl_ms")["p50"]) == (10, 10)


def test_gaps_between_arrivals_of_many_tokens_are_kept_but_not_published(words):
    made = one_run(streams.GOLDEN, tokenizer=words)
    assert made["itl"]["itl_ms"].to_list() == [None] * 10
    assert made["itl"]["gap_ns"].to_list() == [50 * streams.MS] * 10
    assert made["itl"]["tokens_delivered"].to_list() == [3] * 10
    assert set(made["itl"]["reason"]) == {"2.82 tokens an arrival: a gap between arrivals is none between tokens"}
    assert made["summary"].filter(metric="itl_ms").is_empty()


def test_events_of_one_read_are_one_arrival(words):
    both = streams.chunk(" two") + streams.chunk(" two")
    made = one_run([*STEADY[:-2], (315, both), *STEADY[-2:]], tokenizer=words)
    assert made["itl"]["gap_ns"].to_list()[-1] == 15 * streams.MS
    assert made["itl"]["tokens_delivered"].to_list()[-1] == 2


SLOW = [(at * 2, data) for at, data in streams.GOLDEN]


@pytest.mark.parametrize(
    ("slo", "inside"),
    [
        ({"ttft_ms": 400}, 2),
        ({"ttft_ms": 300, "tpot_ms": 16.7}, 2),
        ({"ttft_ms": 299}, 0),
        ({"e2e_ms": 1600}, 3),
        ({"tpot_ms": 1.0}, 0),
    ],
)
def test_goodput_counts_requests_inside_all_limits(slo, inside):
    broken = [*streams.GOLDEN[:5], (480, streams.ERROR)]
    made = one_run(streams.GOLDEN, streams.GOLDEN, SLOW, broken, load={"slo": slo})
    (run,) = made["throughput"].to_dicts()
    assert (run["requests_in_window"], run["requests_inside_slo"]) == (3, inside)
    assert run["goodput_req_s"] == pytest.approx(inside / run["window_s"])
    assert figure(made, "goodput_req_s")["p50"] == run["goodput_req_s"]


def test_where_a_models_tokenizer_is_not_installed_tokens_are_those_reported():
    made = one_run(streams.GOLDEN, tokenizer="wheel:no_such_package/llama3/tokenizer.model")
    (row,) = made["output_speed"].to_dicts()
    assert (row["tokens"], row["token_source"]) == (31, "reported")
    assert made["event_tokens"].is_empty()


def test_tokens_that_nobody_counted_make_no_throughput():
    silent = [one for one in streams.GOLDEN if one[1] != streams.USAGE]
    (run,) = one_run(silent)["throughput"].to_dicts()
    assert (run["tokens_in_window"], run["output_throughput_tok_s"]) == (None, None)
    assert run["request_throughput_req_s"] > 0


def test_without_an_slo_there_is_no_goodput():
    (run,) = one_run(streams.GOLDEN)["throughput"].to_dicts()
    assert run["goodput_req_s"] is None


def test_tokens_that_came_all_at_once_keep_every_limit_of_time_per_token():
    at_once = [(300, b"".join(data for _, data in streams.GOLDEN))]
    (run,) = one_run(at_once, load={"slo": {"ttft_ms": 500, "tpot_ms": 1}})["throughput"].to_dicts()
    assert run["requests_inside_slo"] == 1


def test_a_request_costs_its_reported_tokens_at_the_price_of_the_night():
    made = one_run(streams.GOLDEN, target=PRICED)
    (row,) = made["cost"].to_dicts()
    assert row["usd_per_request"] == pytest.approx((9 * 1 + 31 * 2) / 1e6)
    assert row["usd_per_million_tokens"] == pytest.approx((9 * 1 + 31 * 2) / 31)
    assert figure(made, "usd_per_million_tokens")["p50"] == pytest.approx(71 / 31)


@pytest.mark.parametrize("target", [{}, {**PRICED, "kind": "local"}])
def test_without_a_price_there_is_no_cost(target):
    assert one_run(streams.GOLDEN, target=target)["cost"].is_empty()


def test_a_request_without_usage_has_no_cost():
    silent = [one for one in streams.GOLDEN if one[1] != streams.USAGE]
    assert one_run(silent, target=PRICED)["cost"].is_empty()


def test_the_share_of_the_memory_ceiling_is_speed_times_bytes_over_bandwidth():
    claimed = {"hardware": "NVIDIA H100 SXM", "family": "llama-8b", "precision": "bf16"}
    made = one_run(streams.GOLDEN, target=claimed)
    (row,) = made["bandwidth"].to_dicts()
    assert row["bandwidth_ceiling_share"] == pytest.approx(60 / 223.2, rel=1e-3)
    assert "data sheet" in row["bandwidth_source"]


# Tokens a second of one stream that the memory allows, from another reckoning of the same weights and bandwidths.
ROOFLINE = {
    ("1x H100 SXM", "llama-8b", "bf16"): 223.2, ("2x H100 SXM", "llama-8b", "bf16"): 446.4,
    ("4x H100 SXM", "llama-8b", "fp8"): 1785.5, ("8x H100 SXM", "llama-8b", "fp8"): 3571.0,
    ("1x H200 SXM", "llama-8b", "bfloat16"): 319.8, ("1x B200", "llama-8b", "bf16"): 533.0,
    ("1x MI300X", "llama-8b", "fp8"): 706.2, ("16x SN40L", "llama-70b", "bf16"): 184.2,
    ("4x H100 SXM", "llama-70b", "bf16"): 96.4, ("4x H100 SXM", "llama-70b", "fp8"): 192.8,
    ("Cerebras WSE-3", "llama-70b", "bf16"): 151072.5, ("Groq LPU", "llama-70b", "fp8"): 662992.6,
}  # fmt: skip


def test_the_ceilings_are_those_of_the_roofline():
    for (hardware, family, precision), tok_s in ROOFLINE.items():
        row = bandwidth._ceiling("run", hardware, family, precision)
        assert row["bandwidth_bytes_s"] / row["bytes_per_token"] == pytest.approx(tok_s, rel=2e-3), hardware


@pytest.mark.parametrize(
    ("hardware", "release"),
    [("NVIDIA H100 SXM", "h100-2026-11-27"), ("NVIDIA H200 SXM", "h200-2026-11-24")],
)
def test_the_measured_ceiling_is_the_releases_and_stands_beside_the_makers(hardware, release):
    claimed = {"hardware": hardware, "family": "llama-8b", "precision": "bfloat16"}
    (row,) = one_run(streams.GOLDEN, target=claimed)["bandwidth"].to_dicts()
    measured = json.loads((RELEASES / release / "ceilings.json").read_text())
    assert row["measured_bytes_s"] == pytest.approx(measured["copy_bandwidth_tb_s"] * 1e12, rel=2e-3)
    shares = row["bandwidth_measured_share"] / row["bandwidth_ceiling_share"]
    assert shares == pytest.approx(row["bandwidth_bytes_s"] / row["measured_bytes_s"])


@pytest.mark.parametrize("unknown", [{"hardware": None}, {"hardware": "a toaster"}, {"precision": None}])
def test_without_known_hardware_and_precision_there_is_no_ceiling(unknown):
    claimed = {"hardware": "NVIDIA H100 SXM", "family": "llama-8b", "precision": "bf16"}
    assert one_run(streams.GOLDEN, target={**claimed, **unknown})["bandwidth"].is_empty()


def test_every_metric_reaches_its_table_its_comment_and_the_summary(words):
    claimed = {
        "hardware": "NVIDIA H200 SXM",
        "family": "llama-8b",
        "precision": "bf16",
        "usd_per_hour": 3.6,
        **PRICED,
    }
    usage = (325, streams.USAGE.replace(b'"completion_tokens":31', b'"completion_tokens":11'))
    made = one_run(
        [*STEADY[:-1], usage, STEADY[-1]], tokenizer=words, target=claimed, load={"slo": {"ttft_ms": 500}}
    )
    for name, metric in metrics.METRICS.items():
        assert name in made[metric.table].columns, name
        assert metric.unit in tables.tables()[metric.table].columns[name]
    defined = set(made["summary"]["metric"])
    assert defined == set(metrics.METRICS) - {"ttft_cold_ms", "joules_per_token"}  # `test_hardware` has energy


def test_the_rent_of_a_million_tokens_is_that_of_the_time_that_they_take():
    (row,) = one_run(streams.GOLDEN, target={"usd_per_hour": 3.6})["throughput"].to_dicts()
    assert row["usd_per_hour"] == 3.6
    assert row["rented_usd_per_million_tokens"] == pytest.approx(1e3 / row["output_throughput_tok_s"])
    (unknown,) = one_run(streams.GOLDEN)["throughput"].to_dicts()
    assert unknown["rented_usd_per_million_tokens"] is None


def test_offline_the_window_lies_between_the_first_request_and_the_last_end():
    made = one_run(streams.GOLDEN, streams.GOLDEN, load={"scenario": {"kind": "offline"}})
    (run,) = made["throughput"].to_dicts()
    assert run["window_s"] == pytest.approx(2 + 1.05)
    assert run["tokens_in_window"] == 62
    assert set(made["requests"]["phase"]) == {"window"}
