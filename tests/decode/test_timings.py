from typing import Any

import pytest

from pipeline.decode import timings
from pipeline.decode.delta import Delta
from pipeline.decode.timings import NONE, Timings

from .dialects_said import said

GROQ = {"queue_time": 0.25, "prompt_time": 0.01, "completion_time": 0.5, "total_time": 0.51}
GROQ_MS = Timings(queue_ms=250, prefill_ms=10, decode_ms=500, total_ms=510)


@pytest.mark.parametrize(
    ("chunk", "expected"),
    [
        ({"usage": {"completion_tokens": 7, **GROQ}}, GROQ_MS),
        ({"x_groq": {"id": "r", "usage": GROQ}}, GROQ_MS),
        ({"time_info": {**GROQ, "created": 1779147581.19}}, GROQ_MS),
        (
            {
                "usage": {
                    "time_to_first_token": 0.1,
                    "total_latency": 1.5,
                    "completion_tokens_after_first_per_sec": 250.0,
                    "acceptance_rate": 4,
                }
            },
            Timings(ttft_ms=100, total_ms=1500, output_tok_s=250),
        ),
        (
            {
                "usage": {
                    "time_to_first_token_ms": 38.5,
                    "tokens_per_second": 59.0,
                    "prompt_tokens_per_second": 388.0,
                }
            },
            Timings(ttft_ms=38.5, output_tok_s=59, prefill_tok_s=388),
        ),
        (
            {
                "timings": {
                    "prompt_ms": 9.0,
                    "predicted_ms": 48.0,
                    "prompt_per_second": 107.0,
                    "predicted_per_second": 145.0,
                    "cache_n": 4,
                }
            },
            Timings(prefill_ms=9, decode_ms=48, prefill_tok_s=107, output_tok_s=145),
        ),
        (
            {
                "perf_metrics": {
                    "server-time-to-first-token": "0.125",
                    "server-processing-time": 0.25,
                    "prompt-tokens": "8",
                }
            },
            Timings(ttft_ms=125, total_ms=250),
        ),
        (
            {
                "latency_checkpoint": {
                    "pre_inference_ms": 152,
                    "engine_ttft_ms": 33,
                    "service_ttft_ms": 230,
                    "service_ttlt_ms": 2074,
                }
            },
            Timings(queue_ms=152, ttft_ms=230, total_ms=2074),
        ),
        ({"usage": {"completion_tokens": 7}}, NONE),
        ({"usage": None, "time_info": 7, "timings": [], "perf_metrics": {}}, NONE),
        ({"usage": {**dict.fromkeys(GROQ), "total_time": "soon", "queue_time": -1, "prompt_time": True}}, NONE),
        ({"usage": {"time_to_first_token_ms": 5, "tokens_per_second": 0}}, Timings(ttft_ms=5)),
    ],
)
def test_a_server_s_own_times_are_told_in_ms_and_tokens_a_second(chunk: Any, expected: Timings) -> None:
    assert timings.find(chunk) == pytest.approx(expected)
    delta = said("openai-chat", {"choices": [], **chunk})
    assert tuple(getattr(delta, f"server_{name}") for name in Timings._fields) == pytest.approx(expected)


def test_a_gateway_says_who_answered_and_how_long_the_attempt_took() -> None:
    attempts = [
        {"startTime": 1.0, "endTime": 9.0, "success": False},
        {"startTime": 10.5, "endTime": 60.0, "success": True},
    ]
    routing = {"finalProvider": "anthropic", "attempts": attempts}
    delta = {"content": "", "provider_metadata": {"gateway": {"routing": routing}}}
    expected = Delta("", served_by="anthropic", server_total_ms=49.5)
    assert said("openai-chat", {"choices": [{"delta": delta}]}) == expected
    assert said("openai-chat", {"choices": [], "provider": "DeepInfra"}) == Delta(served_by="DeepInfra")


@pytest.mark.parametrize("value", [None, True, -1, "x", "", "nan", "inf", float("inf"), 10**400, 1e16, [], {}])
def test_what_is_no_time_is_none(value: Any) -> None:
    assert timings.number(value) is None


def test_a_time_may_be_given_as_text() -> None:
    assert [timings.number(value) for value in (0, 1.5, "0.125", " 7 ")] == [0, 1.5, 0.125, 7]
