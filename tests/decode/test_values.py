"""Where values end, looked up eight bytes at a step, is where regular expressions say that they end."""

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.decode.meanings import NUMBER, STRING
from pipeline.decode.values import Content

PIECES = [
    *["a", " token", "x" * 7, "y" * 70, "é", "日本", "🎉", "\u2028", "\x7f"],
    *["\\n", '\\"', "\\\\", "\\u00e9", "\\uD7ff", "\\ud83c\\udf89", "\\uDBFF\\uDFFF"],
    *["\\ud83c", "\\udf89", "\\ud83cx\\udf89", "\\u12", "\\u00g0", "\\x", "\\", '"', "\t", "\x00", "\x1f"],
    *["0", "1", "42", "99999999", "123456789012345", "1234567890123456", ":", "/", "-", "."],
]
PADDING = b'"' * 32
texts = st.lists(st.sampled_from(PIECES), max_size=25).map("".join).map(str.encode)


def ends(content: bytes, pattern: str) -> list[int]:
    """Where a value that starts at each place ends, that place itself where none does."""
    found = (re.compile(pattern.encode()).match(content, at) for at in range(len(content)))
    return [one.end() if one else at for at, one in enumerate(found)]


def laid(text: bytes) -> tuple[Content, "np.ndarray[tuple[int], np.dtype[np.int64]]"]:
    """A text with something behind it, and all places in it."""
    return Content(np.frombuffer(text + PADDING, np.uint8)), np.arange(len(text))


@given(texts)
def test_texts_end_where_a_string_in_json_does(text: bytes) -> None:
    content, starts = laid(text)
    found, _ = content.text_ends(starts)
    assert found.tolist() == ends(text + PADDING, STRING)[: len(text)]


@given(texts)
def test_texts_with_escapes_are_told_from_those_without(text: bytes) -> None:
    content, starts = laid(text)
    found, escaped = content.text_ends(starts)
    spans = zip(starts, found, escaped, strict=True)
    assert all(says for start, end, says in spans if b"\\" in text[start:end])


@given(texts)
def test_numbers_end_where_their_digits_do_if_they_fit_a_column(text: bytes) -> None:
    content, starts = laid(text)
    found, _ = content.number_ends(starts)
    expected = [
        start if (text + PADDING)[end : end + 1].isdigit() else end
        for start, end in enumerate(ends(text + PADDING, NUMBER)[: len(text)])
    ]
    assert found.tolist() == expected


@given(st.binary(max_size=60), st.integers(0, 60))
def test_nothing_behind_the_last_byte_is_read(content: bytes, start: int) -> None:
    found = Content(np.frombuffer(content, np.uint8))
    at = np.array([min(start, len(content))])
    for end, _ in (found.text_ends(at), found.number_ends(at)):
        assert at[0] <= end[0] <= max(len(content), at[0])
