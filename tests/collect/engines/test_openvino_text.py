"""Tokens become text without a broken character and without a stop string."""

from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.collect.engines.openvino_server.text import TextStream

BYTES = [bytes([value]) for value in range(256)]


def streamed(data: bytes, stop: tuple[str, ...] = (), vocabulary: list[bytes] | None = None) -> list[str]:
    """The pieces of a text whose tokens are single bytes."""
    stream = TextStream(vocabulary or BYTES, stop)
    pieces: list[str] = []
    for index, token in enumerate(data):
        pieces.append(stream.feed([token], is_last=index == len(data) - 1))
        if stream.is_stopped:
            break
    return pieces


@given(st.binary(min_size=1))
@example("😀 naïve\u2028世界".encode())
@example("😀".encode()[:3])
def test_the_pieces_make_the_very_text(data):
    assert "".join(streamed(data)) == data.decode(errors="replace")


@given(st.text(min_size=1))
def test_a_character_leaves_whole_and_with_its_last_byte(text):
    pieces = streamed(text.encode(errors="replace"))
    assert [piece for piece in pieces if piece] == list(text.encode(errors="replace").decode())


@given(st.text("abc", min_size=1, max_size=40), st.lists(st.text("abc", min_size=1, max_size=4), max_size=4))
@example("aab", ["ab"])
@example("abab", ["babb", "c"])
def test_a_stop_string_ends_the_text_before_its_first_place(text, stops):
    ends = [at + len(stop) for stop in stops if (at := text.find(stop)) >= 0]
    seen = text[: min(ends, default=len(text))]
    cut = min((at for stop in stops if (at := seen.find(stop)) >= 0), default=len(text))
    assert "".join(streamed(text.encode(), tuple(stops))) == text[:cut]


def test_only_what_may_become_a_stop_string_is_held_back():
    assert streamed(b"one, two", (", t",)) == ["o", "n", "e", "", "", ""]
    assert streamed(b"a,b", (",,",)) == ["a", "", ",b"]


def test_a_control_token_is_no_text():
    assert streamed(b"a\x02b", vocabulary=[b"" if value == 2 else BYTES[value] for value in range(256)]) == [
        "a",
        "",
        "b",
    ]
