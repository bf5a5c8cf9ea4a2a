"""What other tools would have said: the golden stream has exactly the figures of METRICS section 6."""

import pytest

from pipeline.tables import dialects
from tests import streams
from tests.tables.nights import build, night_of

CUT = streams.GOLDEN[:5]
ASKED = [moment for moment in streams.GOLDEN if moment[1] != streams.USAGE]
USAGE_NOT_ASKED = [*ASKED[:-1], (950, streams.DONE)]

PER_TOKEN = 500 / 30
KEPT = 150 / 9  # per token after the first, of the streams that end after ten

# ttft_ms, itl_ms, tpot_ms, e2e_ms, tokens
SECTION_6 = {
    "tokenclock": (300, None, PER_TOKEN, 800, 31),
    "vllm": (300, 50, PER_TOKEN, 800, 31),
    "sglang": (300, 50, 25, 1050, 31),
    "aiperf-server-count": (300, PER_TOKEN, None, 800, 31),
    "guidellm": (300, PER_TOKEN, 800 / 31, 1050, 31),
    "evalscope": (300, 50, 650 / 30, 950, 31),
    "genai-bench": (300, None, 650 / 30, 950, 31),
    "inference-perf": (300, PER_TOKEN, PER_TOKEN, 1050, 31),
    "llmeter": (300, None, PER_TOKEN, 800, 31),
    "aiperf": (300, PER_TOKEN, None, 800, 31),
    "llmperf": (300, 800 / 13, None, 1050, 31),
    "mlperf-inference": (300, None, 25, 1050, 31),
    "artificial-analysis": (300, None, None, 300 + 500 * PER_TOKEN, 31),
}
METRICS = ("ttft_ms", "itl_ms", "tpot_ms", "e2e_ms", "tokens")


def said(made, dialect):
    """What a tool says of the one request."""
    rows = made["metric_dialects"].filter(dialect=dialect)
    found = dict(zip(rows["metric"], rows["value"], strict=True))
    return tuple(found.get(metric) for metric in METRICS)


def close(figures):
    return tuple(figure if figure is None else pytest.approx(figure, abs=1e-9) for figure in figures)


@pytest.mark.parametrize("dialect", SECTION_6)
def test_every_tool_says_of_the_golden_stream_what_it_says(dialect, words):
    assert said(build(night_of(words, streams.GOLDEN)), dialect) == close(SECTION_6[dialect])


def test_every_dialect_is_held_against_the_golden_stream():
    assert set(SECTION_6) == set(dialects.known())


def test_sglang_takes_the_requested_length_for_the_real_one_where_it_asked_for_no_usage(words):
    made = build(night_of(words, USAGE_NOT_ASKED))
    assert said(made, "sglang") == close((300, 50, 650 / 49, 950, 50))
    assert made["metric_dialects"].filter(dialect="sglang", metric="tokens")["token_source"].to_list() == [
        "requested"
    ]


IN_BAND_ERROR = [*CUT, (500, streams.ERROR), (500, streams.DONE)]
TRUNCATED = [*CUT, (500, b"")]

NO_SUCCESS = (None,) * 5
BROKEN_OFF = {
    # dialect: (of the stream with an in-band error, of the truncated one); ten tokens came in both
    "tokenclock": (NO_SUCCESS, NO_SUCCESS),
    "vllm": ((300, 50, KEPT, 450, 10),) * 2,
    "sglang": ((300, 50, 200 / 49, 500, 50), (300, 50, 150 / 49, 450, 50)),
    "aiperf": ((300, KEPT, None, 450, 10),) * 2,
    "aiperf-server-count": ((300, None, None, 450, None),) * 2,
    "guidellm": ((300, 150 / 49, 450 / 50, 500, 50),) * 2,
    "evalscope": ((300, 50, 200 / 9, 500, 10), (300, 50, KEPT, 450, 10)),
    "genai-bench": (NO_SUCCESS, (300, None, 200 / 9, 500, 10)),
    "inference-perf": ((300, KEPT, KEPT, 500, 10),) * 2,
    "llmeter": (NO_SUCCESS, (300, None, None, 450, None)),
    "llmperf": (NO_SUCCESS, (300, 450 / 5, None, 500, 10)),
    "mlperf-inference": (NO_SUCCESS, NO_SUCCESS),
    "artificial-analysis": (NO_SUCCESS, NO_SUCCESS),
}


@pytest.mark.parametrize("dialect", BROKEN_OFF)
@pytest.mark.parametrize(("variant", "script"), [(0, IN_BAND_ERROR), (1, TRUNCATED)])
def test_most_tools_take_a_stream_that_broke_off_for_a_success(variant, script, dialect, words):
    assert said(build(night_of(words, script)), dialect) == close(BROKEN_OFF[dialect][variant])


def test_broken_streams_have_a_status_of_their_own_and_keep_their_tokens(words):
    made = build(night_of(words, IN_BAND_ERROR, TRUNCATED))
    assert made["requests"]["status"].to_list() == ["in_band_error", "truncated"]
    assert made["requests"]["tokens_recounted"].to_list() == [10, 10]
    counted = made["dialect_summary"].filter(metric="ttft_ms")
    assert set(counted["requests_sent"]) == {2}
    by_tool = dict(counted.select("dialect", "requests_counted").iter_rows())
    assert "tokenclock" not in by_tool
    assert (by_tool["vllm"], by_tool["genai-bench"], by_tool["guidellm"]) == (2, 1, 2)


def test_gaps_are_pooled_over_all_requests(words):
    printed = build(night_of(words, streams.GOLDEN, streams.GOLDEN))["dialect_summary"].filter(metric="itl_ms")
    rows = {row["dialect"]: row for row in printed.iter_rows(named=True)}
    assert (rows["vllm"]["n"], rows["vllm"]["p50"]) == (20, pytest.approx(50))
    perf = rows["inference-perf"]
    assert (perf["n"], perf["p50"], perf["mean"]) == (60, 0, pytest.approx(PER_TOKEN))


def test_without_a_tokenizer_what_a_tool_would_recount_is_unknown():
    made = build(night_of(None, streams.GOLDEN))
    assert said(made, "inference-perf") == close((300, None, None, 1050, None))
    assert said(made, "vllm") == close(SECTION_6["vllm"])


def test_tools_that_know_no_reasoning_wait_for_the_answer(words):
    def thought(field):
        return b'data: {"choices":[{"index":0,"delta":{"%s":"one"},"finish_reason":null}]}\n\n' % field.encode()

    def first_token(field):
        found = build(night_of(words, [(100, thought(field)), *streams.GOLDEN[1:]]))["metric_dialects"]
        return dict(found.filter(metric="ttft_ms").select("dialect", "value").iter_rows())

    old, new = first_token("reasoning_content"), first_token("reasoning")
    assert (old["tokenclock"], old["vllm"], old["sglang"], old["inference-perf"]) == (100, 300, 100, 300)
    assert (new["tokenclock"], new["vllm"], new["sglang"], new["inference-perf"]) == (100, 100, 100, 300)


def test_tools_that_always_connect_have_it_in_their_ttft(words):
    cold = {"is_connection_reused": False, "connect_started_ns": 960 * streams.MS}
    found = build(night_of(words, streams.GOLDEN, **cold))["metric_dialects"].filter(metric="ttft_ms")
    ttft = dict(found.select("dialect", "value").iter_rows())
    assert {name for name, value in ttft.items() if value == pytest.approx(340)} == {
        "sglang", "aiperf", "aiperf-server-count", "genai-bench", "llmperf",
    }  # fmt: skip
    assert {value for name, value in ttft.items() if value < 340} == {300}
