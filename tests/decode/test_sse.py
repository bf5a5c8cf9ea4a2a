from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.decode.sse import Event, Parser

from .reference import parse

FRAGMENTS = [
    *(b"data", b"data: ", b"data:", b"event: ", b"event:x", b"id: 7", b"retry: 9", b": ping", b":", b" "),
    *(b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n", b"\n\r", b"\xef\xbb\xbf", b"\xef", b"\xbb"),
    *(b"x", b"{}", b"[DONE]", "é".encode(), b"\xff", b"\xe2\x80", "\u2028\u0085".encode(), b"\0", b"\x0b\x0c\x1c"),
]
bodies = st.lists(st.sampled_from(FRAGMENTS), max_size=40).map(b"".join)


@st.composite
def cut_bodies(draw: st.DrawFn) -> list[bytes]:
    body = draw(bodies)
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=12)))
    return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


def events(body: bytes) -> list[Event]:
    return [event for _, event in Parser().feed(body)]


def texts(body: bytes) -> list[tuple[str, str]]:
    return [(event.type, event.data.decode("utf-8", "replace")) for event in events(body)]


@given(bodies)
def test_any_bytes_give_the_events_of_the_standard(body: bytes) -> None:
    assert texts(body) == parse(body)


@given(cut_bodies())
def test_cuts_change_neither_the_events_nor_the_tail(reads: list[bytes]) -> None:
    parser, whole = Parser(), Parser()
    piecewise = [event for read in reads for _, event in parser.feed(read)]
    assert piecewise == [event for _, event in whole.feed(b"".join(reads))]
    assert parser.tail == whole.tail


@given(cut_bodies())
def test_many_reads_at_once_are_told_apart_like_one_by_one(reads: list[bytes]) -> None:
    parser = Parser()
    one_by_one = [(index, event) for index, read in enumerate(reads) for _, event in parser.feed(read)]
    assert Parser().feed(*reads) == one_by_one


@given(bodies)
def test_an_event_belongs_to_the_very_byte_that_completes_it(body: bytes) -> None:
    completed = [read for read, _ in Parser().feed(*(body[at : at + 1] for at in range(len(body))))]
    counts = [len(parse(body[:end])) for end in range(len(body) + 1)]
    assert completed == [end for end, (before, after) in enumerate(pairwise(counts)) if after > before]


@given(cut_bodies())
def test_no_event_waits_for_a_later_read(reads: list[bytes]) -> None:
    parser, seen, so_far = Parser(), 0, b""
    for read in reads:
        seen += len(parser.feed(read))
        so_far += read
        assert seen == len(parse(so_far))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", ["YHOO\n+2\n10"]),
        (b": test stream\n\ndata: first\nid: 1\n\ndata:second\nid\n\ndata:  third", ["first", "second"]),
        (b"data\n\ndata\ndata\n\ndata:", ["", "\n"]),
        (b"data:test\n\ndata: test\n\ndata:  test\n\n", ["test", "test", " test"]),
        (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", ["b"]),
        (b"event: ping\n\ndata: a\n\n", ["a"]),
        (b"id: 1\n\n: ping\n\n: ping\n\n", []),
        (b"datax: a\n data: b\nDATA: c\n\n", []),
        (b"data: \xff\xc3\n\n", ["\ufffd\ufffd"]),
        ("data: a\u2028b\u2029c\u0085d\x0b\x0c\x1ce\n\n".encode(), ["a\u2028b\u2029c\u0085d\x0b\x0c\x1ce"]),
        (b"data: a\rdata: b\r\ndata: c\n\r\n", ["a\nb\nc"]),
        (b"\n\n\n\ndata: a\n\n\n\n", ["a"]),
    ],
)
def test_the_standard_s_own_cases(body: bytes, expected: list[str]) -> None:
    assert [data for _, data in texts(body)] == expected
    assert parse(body) == texts(body)


def test_a_name_holds_for_one_event() -> None:
    body = b"event: error\ndata: 1\n\ndata: 2\n\nevent: a\nevent: b\ndata: 3\n\nevent\ndata: 4\n\n"
    assert [event.type for event in events(body)] == ["error", "message", "b", "message"]


def test_an_event_ended_by_a_bare_cr_is_there_before_the_next_read() -> None:
    parser = Parser()
    assert parser.feed(b"data: a\r\n\r") == [(0, Event("message", b"a"))]
    assert parser.feed(b"\n") == []
    assert parser.feed(b"data: b\n\n") == [(0, Event("message", b"b"))]


@pytest.mark.parametrize(
    ("body", "tail"),
    [
        (b"data: a\n\n", b""),
        (b"data: a\n\ndata: b", b"data: b"),
        (b"data: a\n\ndata: b\r\n", b"data: b\n"),
        (b"data: a\n\n: ping\n", b""),
        (b"data: a\n\n: pi", b": pi"),
        (b"\xef\xbb\xbfdata: a", b"data: a"),
        (b'{"error": "no stream"}\n', b""),
        (b"", b""),
    ],
)
def test_the_tail_is_the_event_that_was_broken_off(body: bytes, tail: bytes) -> None:
    parser = Parser()
    parser.feed(body)
    assert parser.tail == tail


def test_events_cannot_be_changed() -> None:
    (event,) = events(b"data: a\n\n")
    with pytest.raises(AttributeError):
        event.data = b"b"  # type: ignore[misc]
