"""Each dialect says what its documented shapes say; no dialect raises, whatever it gets."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.decode.delta import NOTHING, Delta
from pipeline.decode.dialects import decoder, known

from .dialects_said import said, values

ANTHROPIC, RESPONSES, CONVERSE, INVOKE = (
    "anthropic-messages",
    "openai-responses",
    "bedrock-converse",
    "bedrock-invoke",
)

KEYS = [
    "type",
    "delta",
    "text",
    "thinking",
    "partial_json",
    "stop_reason",
    "message",
    "content",
    "content_block",
    "name",
    "usage",
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "error",
    "id",
    "model",
    "response",
    "status",
    "incomplete_details",
    "reason",
    "item",
    "candidates",
    "parts",
    "thought",
    "functionCall",
    "args",
    "finishReason",
    "usageMetadata",
    "promptTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "promptFeedback",
    "blockReason",
    "done",
    "done_reason",
    "eval_count",
    "eval_duration",
    "tool_calls",
    "function",
    "arguments",
    "token",
    "special",
    "generated_text",
    "details",
    "finish_reason",
    "generated_tokens",
    "bytes",
    "choices",
    "start",
    "toolUse",
    "input",
    "reasoningContent",
    "stopReason",
    "inputTokens",
    "metrics",
    "latencyMs",
    "amazon-bedrock-invocationMetrics",
    "outputs",
    "results",
    "text_output",
    "provider_metadata",
    "gateway",
    "routing",
    "attempts",
    "startTime",
    "endTime",
    "success",
    "time_info",
    "queue_time",
    "timings",
]
TYPES = [
    "message",
    "error",
    "chunk",
    "metadata",
    "contentBlockDelta",
    "exception:x",
    "output",
    "done",
    "item",
    "line",
]


@pytest.mark.parametrize("dialect", sorted(known()))
@given(event_type=st.sampled_from(TYPES), value=values(*KEYS))
def test_no_json_can_raise_and_every_answer_fits_its_column(dialect: str, event_type: str, value: Any) -> None:
    for payload in (value, {"bytes": base64.b64encode(json.dumps(value).encode()).decode()}):
        delta = said(dialect, payload, event_type)
        for name in Delta.__struct_fields__:
            item = getattr(delta, name)
            if isinstance(item, str):
                item.encode()
            elif item is not None and not isinstance(item, bool):
                assert 0 <= item < 2**63


@pytest.mark.parametrize("dialect", sorted(known()))
@given(event_type=st.sampled_from(TYPES), data=st.binary(max_size=60))
def test_no_bytes_can_raise(dialect: str, event_type: str, data: bytes) -> None:
    decoder(dialect)(event_type, data)


@pytest.mark.parametrize("dialect", sorted(set(known()) - {"replicate"}))
@pytest.mark.parametrize("data", [b"", b"null", b"7", b"[1]", b"{", b"<html>", b"[" * 100_000, b"\xff\xfe", b"{}"])
def test_what_says_nothing_says_nothing(dialect: str, data: bytes) -> None:
    assert decoder(dialect)("message", data) == NOTHING


@pytest.mark.parametrize("dialect", sorted(known()))
def test_an_error_event_of_plain_text_is_an_error_in_every_dialect(dialect: str) -> None:
    assert decoder(dialect)("error", b"overloaded") == Delta(error_message="overloaded")


@pytest.mark.parametrize("dialect", sorted(set(known()) - {"replicate"}))
def test_an_error_object_is_an_error_in_every_dialect(dialect: str) -> None:
    delta = said(dialect, {"error": {"code": 503, "message": "no"}})
    assert (delta.error_code, delta.error_message, delta.has_token) == ("503", "no", False)


START = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "model": "claude",
        "content": [],
        "stop_reason": None,
        "usage": {
            "input_tokens": 5,
            "cache_creation_input_tokens": 2,
            "cache_read_input_tokens": 10,
            "output_tokens": 1,
        },
    },
}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            START,
            Delta(prompt_tokens=17, completion_tokens=1, cached_tokens=10, model="claude", response_id="msg_1"),
        ),
        ({"type": "ping"}, Delta()),
        ({"type": "content_block_start", "content_block": {"type": "text", "text": ""}}, Delta(content="")),
        (
            {"type": "content_block_start", "content_block": {"type": "tool_use", "name": "add"}},
            Delta(has_token=True),
        ),
        ({"delta": {"type": "text_delta", "text": "Hi"}}, Delta("Hi", has_token=True)),
        ({"delta": {"type": "thinking_delta", "thinking": "Hm"}}, Delta(reasoning="Hm", has_token=True)),
        ({"delta": {"type": "input_json_delta", "partial_json": '{"a"'}}, Delta(tool_calls='{"a"', has_token=True)),
        ({"delta": {"type": "input_json_delta", "partial_json": ""}}, Delta(tool_calls="")),
        ({"delta": {"type": "signature_delta", "signature": "Eq"}}, Delta()),
        (
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
            Delta(finish_reason="end_turn", completion_tokens=9),
        ),
        ({"type": "message_stop"}, Delta()),
        (
            {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
            Delta(error_code="overloaded_error", error_message="Overloaded"),
        ),
    ],
)
def test_anthropic_s_events_say_what_they_mean(event: Any, expected: Delta) -> None:
    assert said(ANTHROPIC, event) == expected


ENDED = {
    "id": "resp_1",
    "model": "gpt-5",
    "status": "completed",
    "usage": {
        "input_tokens": 9,
        "output_tokens": 7,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens_details": {"reasoning_tokens": 3},
    },
}
COUNTED = {"prompt_tokens": 9, "completion_tokens": 7, "cached_tokens": 4, "reasoning_tokens": 3}
NAMED = {"model": "gpt-5", "response_id": "resp_1"}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            {"type": "response.created", "response": {"id": "resp_1", "model": "gpt-5", "status": "in_progress"}},
            Delta(**NAMED),
        ),
        ({"type": "response.output_text.delta", "delta": "Hi", "obfuscation": "x"}, Delta("Hi", has_token=True)),
        ({"type": "response.output_text.done", "text": "Hi"}, Delta()),
        ({"type": "response.reasoning_summary_text.delta", "delta": "Hm"}, Delta(reasoning="Hm", has_token=True)),
        ({"type": "response.reasoning_text.delta", "delta": "Hm"}, Delta(reasoning="Hm", has_token=True)),
        ({"type": "response.function_call_arguments.delta", "delta": "{"}, Delta(tool_calls="{", has_token=True)),
        (
            {"type": "response.output_item.added", "item": {"type": "function_call", "name": "add"}},
            Delta(has_token=True),
        ),
        ({"type": "response.output_item.added", "item": {"type": "message", "content": []}}, Delta()),
        ({"type": "response.output_audio.delta", "delta": "UklGRg=="}, Delta()),
        ({"type": "response.completed", "response": ENDED}, Delta(finish_reason="completed", **COUNTED, **NAMED)),
        (
            {
                "type": "response.incomplete",
                "response": {
                    **ENDED,
                    "status": "incomplete",
                    "incomplete_details": {"reason": "max_output_tokens"},
                },
            },
            Delta(finish_reason="max_output_tokens", **COUNTED, **NAMED),
        ),
        (
            {
                "type": "response.failed",
                "response": {
                    "id": "resp_1",
                    "model": "gpt-5",
                    "status": "failed",
                    "error": {"code": "server_error", "message": "no"},
                },
            },
            Delta(finish_reason="failed", error_code="server_error", error_message="no", **NAMED),
        ),
        (
            {"type": "error", "code": "rate_limit", "message": "slow", "param": None},
            Delta(error_code="rate_limit", error_message="slow"),
        ),
        (b"[DONE]", Delta(is_done=True)),
    ],
)
def test_the_events_of_a_response_say_what_they_mean(event: Any, expected: Delta) -> None:
    assert said(RESPONSES, event) == expected


def test_the_type_of_a_response_s_event_may_stand_in_the_event_alone() -> None:
    assert said(RESPONSES, {"delta": "Hi"}, "response.output_text.delta") == Delta("Hi", has_token=True)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            {"type": "message-start", "id": "c", "delta": {"message": {"role": "assistant", "content": []}}},
            Delta(response_id="c"),
        ),
        ({"type": "content-delta", "delta": {"message": {"content": {"text": "Hi"}}}}, Delta("Hi", has_token=True)),
        ({"delta": {"message": {"content": {"thinking": "Hm"}}}}, Delta(reasoning="Hm", has_token=True)),
        ({"delta": {"message": {"tool_plan": "I will"}}}, Delta(reasoning="I will", has_token=True)),
        (
            {"delta": {"message": {"tool_calls": {"function": {"name": "add", "arguments": ""}}}}},
            Delta(tool_calls="", has_token=True),
        ),
        ({"type": "content-end", "index": 0}, Delta()),
        (
            {
                "type": "message-end",
                "delta": {
                    "finish_reason": "MAX_TOKENS",
                    "usage": {"tokens": {"input_tokens": 9, "output_tokens": 7}},
                },
            },
            Delta(finish_reason="MAX_TOKENS", prompt_tokens=9, completion_tokens=7),
        ),
        ({"delta": {"finish_reason": "ERROR", "error": "no"}}, Delta(finish_reason="ERROR", error_message="no")),
    ],
)
def test_cohere_s_events_say_what_they_mean(event: Any, expected: Delta) -> None:
    assert said("cohere-chat", event) == expected


def test_anthropic_s_older_text_completions_are_understood() -> None:
    event = {"type": "completion", "completion": " Hi", "stop_reason": "stop_sequence", "model": "claude-2"}
    assert said(ANTHROPIC, event) == Delta(" Hi", has_token=True, finish_reason="stop_sequence", model="claude-2")


def answer(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, "index": 0, **more}]}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (answer({"text": "Hi"}, {"text": "!"}), Delta("Hi!", has_token=True)),
        (answer({"text": "Hm", "thought": True}, {"text": "Hi"}), Delta("Hi", "Hm", has_token=True)),
        (answer({"functionCall": {"name": "add", "args": {"a": 1}}}), Delta(tool_calls='{"a":1}', has_token=True)),
        (answer({"functionCall": {"name": "now"}}), Delta(tool_calls="", has_token=True)),
        (answer({"text": ""}, finishReason="STOP"), Delta("", finish_reason="STOP")),
        (
            {"candidates": [{"finishReason": "MAX_TOKENS"}], "modelVersion": "g", "responseId": "r"},
            Delta(finish_reason="MAX_TOKENS", model="g", response_id="r"),
        ),
        ({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}, Delta(finish_reason="PROHIBITED_CONTENT")),
        (
            {
                "usageMetadata": {
                    "promptTokenCount": 8,
                    "candidatesTokenCount": 10,
                    "thoughtsTokenCount": 30,
                    "cachedContentTokenCount": 4,
                }
            },
            Delta(prompt_tokens=8, completion_tokens=40, cached_tokens=4, reasoning_tokens=30),
        ),
        ({"usageMetadata": {"promptTokenCount": 8}}, Delta(prompt_tokens=8)),
    ],
)
def test_gemini_s_objects_say_what_they_mean(event: Any, expected: Delta) -> None:
    assert said("gemini", event) == expected


def test_a_chat_line_of_ollama_says_text_thinking_and_calls() -> None:
    message = {"role": "assistant", "content": "Hi", "thinking": ""}
    assert said("ollama-chat", {"model": "m", "message": message, "done": False}) == Delta(
        "Hi", "", has_token=True, model="m"
    )
    call = {"content": "", "tool_calls": [{"function": {"name": "add", "arguments": {"a": 1}}}]}
    assert said("ollama-chat", {"message": call}) == Delta("", None, '{"a":1}', has_token=True)
    assert said("ollama-generate", {"response": "Hi", "done": False}) == Delta("Hi", has_token=True)
    assert said("ollama-generate", {"response": "", "thinking": "Hm"}) == Delta("", "Hm", has_token=True)


def test_the_last_line_of_ollama_counts_tokens_and_nanoseconds() -> None:
    last = {"response": "", "done": True, "prompt_eval_count": 5, "eval_count": 7, "load_duration": 2_000_000}
    durations = {"prompt_eval_duration": 30_000_000, "eval_duration": 40_500_000, "total_duration": 80_000_000}
    delta = said("ollama-generate", {**last, **durations})
    assert (delta.finish_reason, delta.prompt_tokens, delta.completion_tokens) == ("done", 5, 7)
    told = (delta.server_load_ms, delta.server_prefill_ms, delta.server_decode_ms, delta.server_total_ms)
    assert told == pytest.approx((2, 30, 40.5, 80))
    assert said("ollama-chat", {"done": True, "done_reason": "length"}).finish_reason == "length"


def test_an_error_line_of_ollama_is_an_error() -> None:
    assert said("ollama-chat", {"error": "model not found"}, "line") == Delta(error_message="model not found")


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            {"token": {"id": 1, "text": " Hi", "special": False}, "generated_text": None},
            Delta(" Hi", has_token=True),
        ),
        ({"token": {"text": "</s>", "special": True}, "generated_text": "Hi"}, Delta(finish_reason="eos_token")),
        ({"token": {"text": "."}, "generated_text": "Hi."}, Delta(".", has_token=True, finish_reason="unknown")),
        (
            {
                "token": {"text": ".", "special": False},
                "generated_text": "Hi.",
                "details": {"finish_reason": "length", "generated_tokens": 2, "input_length": 9},
            },
            Delta(".", has_token=True, finish_reason="length", prompt_tokens=9, completion_tokens=2),
        ),
        ({"error": "no", "error_type": "overloaded"}, Delta(error_code="overloaded", error_message="no")),
    ],
)
def test_tgi_s_events_say_what_they_mean(event: Any, expected: Delta) -> None:
    assert said("tgi", event) == expected


@pytest.mark.parametrize(
    ("event_type", "value", "expected"),
    [
        ("messageStart", {"role": "assistant", "p": "abc"}, Delta()),
        ("contentBlockDelta", {"delta": {"text": "Hi"}, "p": "abc"}, Delta("Hi", has_token=True)),
        (
            "contentBlockDelta",
            {"delta": {"reasoningContent": {"text": "Hm"}}},
            Delta(reasoning="Hm", has_token=True),
        ),
        ("contentBlockDelta", {"delta": {"reasoningContent": {"signature": "Eq"}}}, Delta()),
        ("contentBlockStart", {"start": {"toolUse": {"name": "add", "toolUseId": "t"}}}, Delta(has_token=True)),
        ("contentBlockDelta", {"delta": {"toolUse": {"input": "{"}}}, Delta(tool_calls="{", has_token=True)),
        ("messageStop", {"stopReason": "max_tokens"}, Delta(finish_reason="max_tokens")),
        (
            "metadata",
            {
                "usage": {"inputTokens": 8, "outputTokens": 10, "cacheReadInputTokens": 4},
                "metrics": {"latencyMs": 625},
            },
            Delta(prompt_tokens=12, completion_tokens=10, cached_tokens=4, server_total_ms=625.0),
        ),
        (
            "exception:throttlingException",
            {"message": "slow"},
            Delta(error_code="throttlingException", error_message="slow"),
        ),
        ("exception:internalServerException", {}, Delta(error_code="internalServerException")),
    ],
)
def test_the_events_of_a_converse_stream_say_what_they_mean(event_type: str, value: Any, expected: Delta) -> None:
    assert said(CONVERSE, value, event_type) == expected


def chunk(value: Any) -> dict[str, str]:
    return {"bytes": base64.b64encode(json.dumps(value).encode()).decode(), "p": "abc"}


METRICS = {
    "amazon-bedrock-invocationMetrics": {
        "inputTokenCount": 8,
        "outputTokenCount": 10,
        "invocationLatency": 900,
        "firstByteLatency": 200,
    }
}
COSTS = {"prompt_tokens": 8, "completion_tokens": 10, "server_ttft_ms": 200.0, "server_total_ms": 900.0}


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ({"generation": "Hi", "stop_reason": None}, Delta("Hi", has_token=True)),
        ({"generation": "", "stop_reason": "length", **METRICS}, Delta("", finish_reason="length", **COSTS)),
        (
            {
                "outputText": "Hi",
                "completionReason": "FINISH",
                "inputTextTokenCount": 5,
                "totalOutputTextTokenCount": 2,
            },
            Delta("Hi", has_token=True, finish_reason="FINISH", prompt_tokens=5, completion_tokens=2),
        ),
        ({"outputs": [{"text": "Hi", "stop_reason": "stop"}]}, Delta("Hi", has_token=True, finish_reason="stop")),
        ({"type": "content_block_delta", "delta": {"text": "Hi"}}, Delta("Hi", has_token=True)),
        ({"type": "message_stop", **METRICS}, Delta(**COSTS)),
        ({"contentBlockDelta": {"delta": {"text": "Hi"}}}, Delta("Hi", has_token=True)),
        ({"messageStop": {"stopReason": "end_turn"}}, Delta(finish_reason="end_turn")),
        (
            {"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}]},
            Delta("Hi", has_token=True, finish_reason="stop"),
        ),
        (
            {"choices": [{"message": {"content": "Hi"}, "stop_reason": "length"}]},
            Delta("Hi", has_token=True, finish_reason="length"),
        ),
        ({"choices": [{"text": "Hi", "stop_reason": None}]}, Delta("Hi", has_token=True)),
    ],
)
def test_a_chunk_is_read_in_the_words_of_its_model(inner: Any, expected: Delta) -> None:
    assert said(INVOKE, chunk(inner), "chunk") == expected


@pytest.mark.parametrize("value", [{}, {"bytes": 7}, {"bytes": "x"}, {"bytes": "eA=="}, {"bytes": "é"}, []])
def test_a_chunk_that_holds_no_json_says_nothing(value: Any) -> None:
    assert said(INVOKE, value, "chunk") == NOTHING


def test_watsonx_goes_on_until_it_says_why_not() -> None:
    first = {
        "model_id": "m",
        "results": [{"generated_text": "", "input_token_count": 8, "stop_reason": "not_finished"}],
    }
    last = {
        "results": [
            {"generated_text": "", "generated_token_count": 11, "input_token_count": 0, "stop_reason": "eos_token"}
        ]
    }
    assert said("watsonx", first) == Delta("", prompt_tokens=8, model="m")
    assert said("watsonx", last) == Delta("", finish_reason="eos_token", completion_tokens=11)


def test_replicate_s_text_is_its_data_and_its_end_may_have_a_reason() -> None:
    assert said("replicate", b" a\nb", "output") == Delta(" a\nb", has_token=True)
    assert said("replicate", b"", "output") == Delta("")
    assert said("replicate", b"{}", "done") == Delta(finish_reason="done")
    assert said("replicate", b'{"reason":"canceled"}', "done") == Delta(finish_reason="canceled")
    assert said("replicate", b'{"detail":"no"}', "error") == Delta(error_message="no")


def test_triton_s_text_is_its_output() -> None:
    assert said("triton", {"model_name": "ensemble", "text_output": "Hi"}) == Delta(
        "Hi", has_token=True, model="ensemble"
    )


@pytest.mark.parametrize(
    ("dialect", "data", "expected"),
    [
        (ANTHROPIC, b'{"delta":{"text":"a\\ud83d","type":7}}', Delta("a\ufffd", has_token=True)),
        (
            RESPONSES,
            b'{"type":"response.output_text.delta","delta":"a\xff","item":[]}',
            Delta("a\ufffd", has_token=True),
        ),
        (
            "gemini",
            b'{"candidates":[7,{"content":{"parts":[{"text":"a","thought":"no"}]}}]}',
            Delta("a", has_token=True),
        ),
        ("ollama-chat", b'{"message":{"content":"a","thinking":7},"model":9}', Delta("a", has_token=True)),
        ("tgi", b'{"token":{"text":"a","special":"no"},"details":7}', Delta("a", has_token=True)),
    ],
)
def test_one_odd_field_does_not_hide_the_rest(dialect: str, data: bytes, expected: Delta) -> None:
    assert said(dialect, data) == expected
