import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.decode import lenient
from pipeline.decode.delta import NOTHING, Delta
from pipeline.decode.dialects import UnknownDialectError, decoder, known, openai

decode = decoder("openai-chat")


def said(chunk: Any, event_type: str = "message") -> Delta:
    return decode(event_type, json.dumps(chunk).encode())


def choice(delta: dict[str, Any] | None = None, **rest: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "finish_reason": None, **({"delta": delta} if delta else {}), **rest}]}


@pytest.mark.parametrize(
    ("chunk", "expected"),
    [
        (choice({"role": "assistant", "content": ""}), Delta(content="", role="assistant")),
        (choice({"role": "assistant", "content": None}), Delta(role="assistant")),
        (choice({"role": "assistant"}), Delta(role="assistant")),
        (choice({"content": "Hi"}), Delta(content="Hi", has_token=True)),
        (
            choice({"content": None, "reasoning": "Hm"}),
            Delta(reasoning="Hm", has_token=True, reasoning_field="reasoning"),
        ),
        (
            choice({"content": "", "reasoning_content": "Hm"}),
            Delta("", "Hm", has_token=True, reasoning_field="reasoning_content"),
        ),
        (choice({"content": "a", "reasoning": None, "reasoning_content": ""}), Delta("a", "", has_token=True)),
        (choice({"content": "Hi"}, text="Hi", seed=2**60), Delta(content="Hi", has_token=True)),
        (choice(text=" that"), Delta(content=" that", has_token=True)),
        (choice({"content": "."}, finish_reason="eos"), Delta(".", has_token=True, finish_reason="eos")),
        (choice({"content": "."}, finish_reason=""), Delta(".", has_token=True)),
        ({"choices": [], "id": "", "model": "", "created": 0, "prompt_filter_results": []}, Delta()),
        ({"choices": [], "usage": None, "error": None}, Delta()),
    ],
)
def test_text_and_reasoning_are_found_wherever_a_server_puts_them(chunk: Any, expected: Delta) -> None:
    assert said(chunk) == expected


def test_parts_are_joined_and_thinking_is_reasoning() -> None:
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]},
        {"type": "thinking", "thinking": "…"},
        {"type": "text", "text": "Hi"},
        {"type": "text", "text": "!"},
    ]
    assert said(choice({"content": parts})) == Delta("Hi!", "Hm…", has_token=True)


def test_a_tool_call_s_name_is_a_token_and_an_empty_call_is_none() -> None:
    def call(**function: Any) -> Delta:
        return said(choice({"tool_calls": [{"index": 0, "function": function}]}))

    assert call(name="add", arguments="") == Delta(tool_calls="", has_token=True)
    assert call(arguments='{"a"') == Delta(tool_calls='{"a"', has_token=True)
    assert call(name=None, arguments="") == Delta(tool_calls="")
    assert said(choice({"function_call": {"arguments": "1"}})) == Delta(tool_calls="1", has_token=True)


def test_several_answers_in_one_event_are_put_one_behind_the_other() -> None:
    chunk = {
        "choices": [
            {"index": 0, "delta": {"content": "a"}},
            {"index": 1, "delta": {"content": "b", "reasoning": "r"}, "finish_reason": "length"},
        ]
    }
    assert said(chunk) == Delta("ab", "r", has_token=True, finish_reason="length")


COUNTS = {"prompt_tokens": 5, "completion_tokens": 7}
NO_TOKENS = {"cached_tokens": 0, "reasoning_tokens": 0}


@pytest.mark.parametrize(
    ("carrier", "cached", "reasoned"),
    [
        ({"choices": [], "usage": COUNTS}, None, None),
        ({"usage": {**COUNTS, "reasoning_tokens": 3}}, None, 3),
        ({"choices": [{"delta": {}}], "x_groq": {"usage": COUNTS}}, None, None),
        ({"choices": [{"delta": {}, "usage": COUNTS}]}, None, None),
        (
            {"usage": {**COUNTS, "prompt_tokens_details": NO_TOKENS, "completion_tokens_details": NO_TOKENS}},
            0,
            0,
        ),
        ({"choices": [], "usage": {**COUNTS, "prompt_cache_hit_tokens": 4}}, 4, None),
        ({"choices": [], "usage": {**COUNTS, "prompt_tokens_details": None}, "timings": {"cache_n": 4}}, 4, None),
    ],
)
def test_usage_is_read_where_it_stands(carrier: Any, cached: int | None, reasoned: int | None) -> None:
    delta = said(carrier)
    counts = (delta.prompt_tokens, delta.completion_tokens, delta.cached_tokens, delta.reasoning_tokens)
    assert counts == (5, 7, cached, reasoned)


@pytest.mark.parametrize(
    ("event_type", "chunk", "code", "message"),
    [
        ("message", {"error": {"message": "no", "code": 502}}, "502", "no"),
        ("message", {"error": {"message": "no", "type": "server_error", "code": None}}, "server_error", "no"),
        ("error", {"error": {"message": "no", "status_code": 400}}, "400", "no"),
        ("message", {"object": "error", "message": "no", "type": "Internal", "code": 500}, "500", "no"),
        ("message", {"error": "no", "error_type": "validation"}, "validation", "no"),
        ("message", {"error": {"message": "no"}, "status_code": 503}, "503", "no"),
        ("message", {**choice({"content": ""}, finish_reason="stop"), "error": {"code": 502}}, "502", None),
        ("message", {**choice({}), "x_groq": {"id": "r", "error": "over capacity"}}, None, "over capacity"),
        ("message", choice({}, error={"code": 500, "message": "no"}), "500", "no"),
        ("message", {"choices": None, "base_resp": {"status_code": 1004, "status_msg": "no"}}, "1004", "no"),
        ("error", {"message": "no"}, None, "no"),
        ("error", {}, None, "an error without code or message"),
        ("message", {"error": True}, None, "an error without code or message"),
        ("message", {"error": {"detail": "no"}}, None, "no"),
    ],
)
def test_an_error_in_the_stream_is_found(
    event_type: str, chunk: Any, code: str | None, message: str | None
) -> None:
    delta = said(chunk, event_type)
    assert (delta.error_code, delta.error_message) == (code, message)


def test_an_error_event_may_hold_plain_text() -> None:
    assert decode("error", b"overloaded") == Delta(error_message="overloaded")


@pytest.mark.parametrize("chunk", [choice({"content": "Hi"}), {"choices": [], "base_resp": {"status_code": 0}}, {}])
def test_no_error_is_made_up(chunk: Any) -> None:
    assert (said(chunk).error_code, said(chunk).error_message) == (None, None)


@pytest.mark.parametrize("data", [b"[DONE]", b" [DONE] ", b"[DONE]\n"])
def test_done_is_only_a_mark(data: bytes) -> None:
    assert decode("message", data) == Delta(is_done=True)


@pytest.mark.parametrize("data", [b"", b"null", b"7", b'"x"', b"[1]", b"{", b"<html>", b"[" * 100_000, b"\xff\xfe"])
def test_what_is_no_json_object_says_nothing(data: bytes) -> None:
    assert decode("message", data) == NOTHING


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"choices":[{"delta":{"content":"Hi"},"logprobs":NaN}]}', Delta("Hi", has_token=True)),
        (b'{"choices":[{"delta":{"content":"a\\ud83d"}}]}', Delta("a\ufffd", has_token=True)),
        (b'{"choices":[{"delta":{"content":"a\xff"}}]}', Delta("a\ufffd", has_token=True)),
        (b'{"choices":[{"delta":{"content":"Hi","role":7,"tool_calls":{}}}],"id":9}', Delta("Hi", has_token=True)),
        (b'{"choices":{"0":1},"model":"m"}', Delta(model="m")),
        (b'{"choices":[7,null,{"delta":{"content":"Hi"}}]}', Delta("Hi", has_token=True)),
        (
            b'{"choices":[],"usage":{"prompt_tokens":"5","completion_tokens":7.0}}',
            Delta(prompt_tokens=5, completion_tokens=7),
        ),
        (b'{"choices":[],"usage":{"prompt_tokens":-1,"completion_tokens":1e30}}', Delta()),
        (b'{"choices":[],"usage":{"prompt_tokens":true,"completion_tokens":99999999999999999999}}', Delta()),
        (b'{"choices":[],"usage":[1]}', Delta()),
    ],
)
def test_one_odd_field_does_not_hide_the_rest(data: bytes, expected: Delta) -> None:
    assert decode("message", data) == expected


KEYS = [*openai._Chunk.__struct_encode_fields__, *openai._Choice.__struct_encode_fields__]
KEYS += [*openai._Message.__struct_encode_fields__, *openai._Usage.__struct_encode_fields__]
KEYS += ["function", "arguments", "thinking", "cached_tokens", "cache_n", "object", "detail", "errors", "base_resp"]
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
scalars |= st.sampled_from(["error", "\ud83d", "stop", 2**63, -1, "7", "9" * 30])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=20,
)


@given(st.sampled_from(["message", "error"]), values)
def test_no_json_can_raise_and_every_answer_fits_its_column(event_type: str, value: Any) -> None:
    delta = said(value, event_type)
    for name in Delta.__struct_fields__:
        item = getattr(delta, name)
        if isinstance(item, str):
            item.encode()
        elif item is not None and not isinstance(item, bool):
            assert 0 <= item < 2**63


@given(st.sampled_from(["message", "error"]), st.binary(max_size=60))
def test_no_bytes_can_raise(event_type: str, data: bytes) -> None:
    decode(event_type, data)


@given(st.dictionaries(st.sampled_from(KEYS), values, max_size=6))
def test_the_lenient_way_agrees_with_the_strict_way_where_both_can_go(value: dict[str, Any]) -> None:
    data = json.dumps(value).encode()
    try:
        strict = openai._STRICT.decode(data)
    except ValueError:
        return
    assert repr(lenient.decode(data, openai._Chunk)) == repr(strict)


def test_json_nested_beyond_all_reason_says_nothing() -> None:
    nested = b'{"choices":[{"delta":{"content":' + b'[{"thinking":' * 400 + b"1" + b"}]" * 400 + b"}}]}"
    assert decode("message", nested) == NOTHING


def test_both_dialects_are_known_by_name() -> None:
    assert {"openai-chat", "openai-completions"} <= set(known())


def test_an_unknown_dialect_is_refused_with_the_known_ones_named() -> None:
    with pytest.raises(UnknownDialectError, match=r"unknown dialect 'telepathy'; known: .*openai-chat"):
        decoder("telepathy")
