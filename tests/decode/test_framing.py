"""Frames that are no server-sent events: Amazon's event stream and JSON arrays."""

import json
import struct
from itertools import pairwise
from zlib import crc32

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.decode import eventstream, json_array

from .recording import decoded, ended

LABEL = "application/vnd.amazon.eventstream"
TYPED = {5: b"\0" * 8, 2: b"\x07", 0: b"", 9: b"u" * 16}


def header(name: str, value: str) -> bytes:
    return bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()


def frame(payload: bytes, *, extra: bytes = b"", **headers: str) -> bytes:
    named = extra + b"".join(header(":" + name.replace("_", "-"), value) for name, value in headers.items())
    prelude = struct.pack(">II", 16 + len(named) + len(payload), len(named))
    whole = prelude + struct.pack(">I", crc32(prelude)) + named + payload
    return whole + struct.pack(">I", crc32(whole))


def event(event_type: str, value: object) -> bytes:
    return frame(json.dumps(value).encode(), event_type=event_type, message_type="event")


BODY = b"".join(
    [
        event("messageStart", {"role": "assistant"}),
        event("contentBlockDelta", {"delta": {"text": "Hello"}}),
        event("contentBlockDelta", {"delta": {"text": " you"}}),
        event("messageStop", {"stopReason": "end_turn"}),
        event("metadata", {"usage": {"inputTokens": 3, "outputTokens": 2}, "metrics": {"latencyMs": 9}}),
    ]
)


def converse(body: bytes, label: str | None = LABEL) -> dict[str, object]:
    return ended([body], label=label, dialect="bedrock-converse")


@pytest.mark.parametrize("label", [LABEL, None, "application/octet-stream", "text/event-stream"])
def test_an_event_stream_is_known_by_its_bytes(label: str | None) -> None:
    row = converse(BODY, label)
    assert (row["status"], row["content"], row["completion_tokens"]) == ("complete", "Hello you", 2)


def test_an_exception_in_a_stream_is_an_in_band_error_that_keeps_the_tokens() -> None:
    thrown = frame(b'{"message":"slow"}', message_type="exception", exception_type="throttlingException")
    row = converse(b"".join([event("contentBlockDelta", {"delta": {"text": "Hi"}}), thrown]))
    assert (row["status"], row["content"]) == ("in_band_error", "Hi")
    assert (row["error_code"], row["error_message"]) == ("throttlingException", "slow")


def test_an_error_frame_says_its_error_in_its_headers() -> None:
    row = converse(frame(b"", message_type="error", error_code="500", error_message="down"))
    assert (row["status"], row["error_code"], row["error_message"]) == ("in_band_error", "500", "down")


@pytest.mark.parametrize("at", range(len(BODY)))
def test_a_spoiled_byte_is_never_taken_for_an_answer(at: int) -> None:
    spoiled = BODY[:at] + bytes([BODY[at] ^ 0x55]) + BODY[at + 1 :]
    row = converse(spoiled)
    assert row["status"] in ("in_band_error", "not_a_stream", "truncated")
    if at >= 12:
        assert (row["status"], row["error_code"]) == ("in_band_error", "checksum_mismatch")


@pytest.mark.parametrize("end", range(0, len(BODY) - 1, 7))
def test_a_stream_that_breaks_off_keeps_its_whole_frames(end: int) -> None:
    row = converse(BODY[:end])
    assert row["status"] in ("truncated", "not_a_stream", "complete")
    assert "Hello you".startswith(str(row["content"] or ""))


def test_headers_of_every_type_are_stepped_over() -> None:
    extra = b"".join(b"\x01x" + bytes([kind]) + value for kind, value in TYPED.items()) + b"\x01b\x06\x00\x02ab"
    assert eventstream.cut([frame(b"{}", extra=extra, event_type="ping")])[0][1].type == "ping"


@pytest.mark.parametrize("extra", [b"\x01x\xff", b"\xff", b"\x01", b"\x01x\x07\xff\xff"])
def test_headers_that_break_the_rules_do_not_raise(extra: bytes) -> None:
    ((_, found),) = eventstream.cut([frame(b"{}", extra=extra)])
    assert found.data == b"{}"


ITEMS = [
    {"candidates": [{"content": {"parts": [{"text": 'a "]}[{\\ \n é'}]}}]},
    {
        "candidates": [{"content": {"parts": [{"text": "b"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 3},
    },
]
ARRAYS = [json.dumps(ITEMS).encode(), json.dumps(ITEMS, indent=2).encode().replace(b"\n", b"\r\n")]


@pytest.mark.parametrize("body", ARRAYS)
def test_a_json_array_is_a_stream_of_its_objects(body: bytes) -> None:
    row = ended([body], label="application/json; charset=UTF-8", dialect="gemini")
    assert (row["status"], row["content"], row["prompt_tokens"]) == ("complete", 'a "]}[{\\ \n éb', 3)
    assert decoded([body], label="application/json")["event_type"].to_list() == ["item", "item"]


def test_an_object_of_an_array_bears_the_stamp_of_the_read_that_ends_it() -> None:
    pieces = [b'[{"a": "}', b'"}', b', {"b"', b": 1}]"]
    assert [(read, found.data) for read, found in json_array.cut(pieces)] == [(1, b'{"a": "}"}'), (3, b'{"b": 1}')]


@pytest.mark.parametrize("rest", [b'{"a', b'{"a": "}', b'{"a": {"b": 1}', b'{"a": "\\"}', b"", b"]}"])
def test_what_an_array_leaves_unfinished_is_dropped(rest: bytes) -> None:
    assert [found.data for _, found in json_array.cut([b'[{"x": 1},' + rest])] == [b'{"x": 1}']


def test_an_error_in_an_array_is_an_in_band_error() -> None:
    row = ended([b'[{"error": {"code": 500, "message": "no"}}]'], label="application/json", dialect="gemini")
    assert (row["status"], row["error_message"]) == ("in_band_error", "no")


@given(st.sampled_from([BODY, *ARRAYS]), st.lists(st.integers(0, 900), max_size=8))
def test_cuts_change_only_which_read_an_event_came_with(body: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[start:end] for start, end in pairwise(edges)]
    said = pl.exclude("read_index", "at_ns")
    facts = {"dialect": "bedrock-converse" if body is BODY else "gemini"}
    assert decoded(pieces, **facts).select(said).equals(decoded([body], **facts).select(said))


@given(st.binary(max_size=80))
def test_no_bytes_can_raise(data: bytes) -> None:
    for body in (data, BODY[:90] + data, b"\0\0\0\x20" + data, b'[{"' + data):
        decoded([body], dialect="bedrock-converse", label=None)
        json_array.cut([body])
        eventstream.cut([body])
