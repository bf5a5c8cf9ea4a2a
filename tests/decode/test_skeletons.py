"""Decoding whole streams at once gives what decoding each event gives, whatever the bytes and the cuts."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.decode import events, skeletons
from pipeline.decode.delta import NO_SLOTS, Delta
from pipeline.decode.dialects import ollama, openai

from . import one_by_one
from .recording import decoded, recorded

# The holes of a shape are marked by @: values go there as they are, quoted or not.
SHAPES = [
    'data: {"id":"a","choices":[{"index":0,"delta":{"content":"@"},"finish_reason":null}]}',
    'data: {"id": "a", "choices": [{"delta": {"content": "@"}}], "model": "m"}',
    'data:{"choices":[{"delta":{"role":"assistant","content":"","reasoning":"@"}}],"obfuscation":"@"}',
    'data: {"choices":[{"text":"@","delta":{"token_id":#,"content":"@"}}],"usage":null}',
    'data: {"choices":[{"delta":{"content":"@"}}],"usage":{"completion_tokens":#,"total_tokens":#}}',
    'data: {"id":"@","created":#,"choices":[{"delta":{"content":"@"}}],"model":"m"}',
    'data: {"id":"same","created":17,"choices":[{"delta":{"content":"@"}}],"x_groq":{"id":"@"}}',
    'data: {"choices":[{"delta":{"content":"@"},"finish_reason":null,"matched_stop":null,"token_ids":null,'
    '"stop_reason":null}],"obfuscation":"@"}',
    'data: {"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"@"}}]}}]}',
    'data: {"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"@"}},{"function":{"arguments":"@"}}]}}]}',
    'data: {"choices":[{"delta":{"content":"@"}},{"delta":{"content":"@"}}]}',
    'data: {"choices":[{"delta":{"content":[{"type":"text","text":"@"}]}}]}',
    'data: {"choices":[{"delta":{"content":"@","content":"@"}}]}',
    'data: {"choices":[{"delta":{"content":"@"},"logprobs":NaN}],"id":7}',
    'data: {"choices":[{"delta":{"content":"@"}}],"error":{"message":{"content":"@"},"code":#}}',
    'data: {"error":{"content":"@","message":"no"},"object":"error","total_tokens":#}',
    'data: {"choices":[{"delta":{"x\\"content":"@"}}]}',
    'data: {"choices":[{"delta":{"content":"@"}}]',
    'data: {"choices":[{"delta":{"content":"@"}}]} trailing',
    'data: {"choices":[{"delta":{"content":"\ue000\ue001","text":"@"}}]}',
    'data: {"usage":{"completion_tokens":#.0,"prompt_tokens":100007},"choices":[],"total_tokens":# }',
    'event: error\ndata: {"message":"no","content":"@"}',
    'event: x\ndata: {"type":"response.output_text.delta","sequence_number":#,"delta":"@","obfuscation":"@"}',
    'event: response.reasoning_text.delta\ndata: {"delta": "@", "sequence_number": #}',
    'data: {"type":"response.failed","delta":"@","response":{"error":{"delta":"@"}},"sequence_number":#}',
    'event: "content":"@"\ndata: {"choices":[{"delta":{"content":"@"}}]}',
    'id: 1\ndata: {"choices":[{"delta":{"content":\ndata: "@"}}]}',
    '{"model":"m","created_at":"@","message":{"role":"assistant","content":"@"},"done":false}',
    ' {"model":"m","response":"@","thinking":"@","done":true,"eval_count":#,"total_duration":#} ',
    '{"message":{"content":"@","tool_calls":[{"function":{"name":"f","arguments":{"content":"@"}}}]}}',
    '{"error":{"content":"@","message":"@"},"response":"@"}',
    ': "content":"@"',
    'data: "content":"@"',
    "data: [DONE]",
    "data",
    "",
]
WORDS = ["a", " the", "é", "日本", "🎉", "\u2028", "0", "12", "", "\\n", '\\"', "\\\\", "\\u00e9", "\\ud83c\\udf89"]
ODD_WORDS = [
    "\\ud83c",
    "\\udf89x",
    "\\x",
    "\\",
    '"',
    '","content":"',
    "\t",
    "\x00",
    "\n",
    "\n\n",
    "\ue000\ue001",
    "\\u12",
]
NUMBERS = ["1", "7", "31", "0", "100007", "999999999999999"]
ODD_NUMBERS = ["00", "-1", "1.5", "1e3", "9999999999999999", "9" * 30, "true", '"5"', ""]
ENDS = ["\n\n", "\r\n\r\n", "\r\r", "\n\n\n", "\n: ping\n\n", "\n\n: ping\n\n", "\r\n\n", "\n", "\nid: 9\n\n"]


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Runs of events of one shape and framing, with a stranger now and then."""
    return b"".join(draw(st.lists(runs(), max_size=5))) + draw(
        st.sampled_from([b"", b"data: [DONE]\n\n", b"data: {"])
    )


@st.composite
def runs(draw: st.DrawFn) -> bytes:
    shape, end = draw(st.sampled_from(SHAPES)), draw(st.sampled_from(ENDS))
    odds = draw(st.sampled_from([0, 0, 1]))
    words = st.sampled_from(WORDS + ODD_WORDS * odds)
    numbers = st.sampled_from(NUMBERS + ODD_NUMBERS * odds)
    filled = draw(st.lists(events_of(shape, words, numbers), max_size=25))
    return (
        "".join(event + end for event in filled)
        .encode()
        .replace(b"\xc3", draw(st.sampled_from([b"\xc3"] * 9 + [b"\xff"])))
    )


@st.composite
def events_of(draw: st.DrawFn, shape: str, words: st.SearchStrategy[str], numbers: st.SearchStrategy[str]) -> str:
    parts = [draw(words) if part == "@" else draw(numbers) if part == "#" else part for part in shape]
    return "".join(parts)


@st.composite
def responses(draw: st.DrawFn, index: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    body = draw(st.sampled_from([b"", b"", b"", b"\xef\xbb\xbf"])) + draw(streams())
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=30)))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    label = draw(
        st.sampled_from(
            ["text/event-stream", "text/event-stream", *["application/x-ndjson"] * 2, "text/html", None]
        )
    )
    status = draw(st.sampled_from([200, 200, 200, 200, 500, None]))
    names = [
        "openai-chat",
        "openai-chat",
        "openai-completions",
        "openai-responses",
        "ollama-chat",
        "ollama-generate",
    ]
    dialect = draw(st.sampled_from(names))
    return recorded(pieces, request_id=f"run/{index}", label=label, http_status=status, dialect=dialect)


@st.composite
def nights(draw: st.DrawFn) -> tuple[pl.DataFrame, pl.DataFrame]:
    parts = [draw(responses(index)) for index in range(draw(st.integers(1, 4)))]
    return pl.concat([request for request, _ in parts]), pl.concat([reads for _, reads in parts])


@settings(max_examples=300)
@given(nights(), st.sampled_from([1, 700, 16_000_000]))
def test_a_night_decoded_at_once_says_what_each_event_says(
    night: tuple[pl.DataFrame, pl.DataFrame], size: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(events, "BATCH_BYTES", size)
        patch.setattr(skeletons, "WORTHWHILE", 1)
        assert_frame_equal(events.decode(*night), one_by_one.decode(*night))


def stream(count: int) -> list[bytes]:
    head = 'data: {"id":"a","choices":[{"index":0,"delta":{"content":"'
    words = [f' w{index}\\n\\"\\u00e9"' for index in range(count)]
    return [f'{head}{word}}},"finish_reason":null}}]}}\n\n'.encode() for word in words] + [b"data: [DONE]\n\n"]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The events that the dialect was asked to decode."""
    asked: list[bytes] = []

    def decode(event_type: str, data: bytes) -> Delta:
        asked.append(data)
        return openai.decode(event_type, data)

    monkeypatch.setattr(events, "decoder", lambda _: decode)
    return asked


def test_a_regular_stream_is_understood_without_looking_at_every_event(seen: list[bytes]) -> None:
    found = decoded(stream(1_000))
    assert found["content"].drop_nulls().to_list() == [f' w{index}\n"é' for index in range(1_000)]
    assert len(seen) < 10


def test_lines_of_json_are_understood_without_looking_at_each(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        f'{{"model":"m","message":{{"role":"assistant","content":"w{n}"}},"done":false}}\n' for n in range(900)
    ]
    body = "".join(lines).encode() + b'{"model":"m","done":true}'
    pieces = [body[at : at + 700] for at in range(0, len(body), 700)]
    given = recorded(pieces, label="application/x-ndjson", dialect="ollama-chat")
    asked: list[bytes] = []

    def decode(event_type: str, data: bytes) -> Delta:
        asked.append(data)
        return ollama.decode(event_type, data)

    with monkeypatch.context() as patch:
        patch.setattr(events, "decoder", lambda _: decode)
        found = events.decode(*given)
    assert len(asked) < 20
    assert_frame_equal(found, one_by_one.decode(*given))


def test_without_slots_every_event_is_decoded_by_itself(seen: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "slots", lambda _: NO_SLOTS)
    assert decoded(stream(100))["has_token"].sum() == 100
    assert len(seen) == 101


def test_a_stream_in_which_two_kinds_of_events_take_turns_is_decoded_all_the_same() -> None:
    other = b'data: {"choices":[{"index":1,"delta":{"reasoning":"hm"}}]}\n\n'
    pieces = [event + other for event in stream(50)]
    assert_frame_equal(decoded(pieces), one_by_one.decode(*recorded(pieces)))


def test_a_night_decoded_in_batches_is_the_same_night(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [recorded(stream(20), request_id=f"run/{index:02}") for index in range(10)]
    night = pl.concat([request for request, _ in parts]), pl.concat([reads for _, reads in parts])
    whole = events.decode(*night)
    monkeypatch.setattr(events, "BATCH_BYTES", 2_500)
    batches = list(events.batches(*night))
    assert len(batches) > 5
    assert pl.concat(batches).equals(whole)
