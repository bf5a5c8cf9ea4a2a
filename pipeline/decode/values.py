"""Where the values of many events end, found in their bytes eight at a step; and the texts that they stand for."""

import re
from typing import TypeAlias

import msgspec
import numpy as np
import polars as pl

from pipeline.decode.bodies import Bytes, Offsets
from pipeline.decode.meanings import STRING

Flags: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.bool_]]"
_Words: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.uint64]]"
_Counts: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"

_STEPS = 8  # What is longer is looked at one by one.
_STRING = re.compile(STRING.encode())
_MOST_DIGITS = 15  # As `meanings.NUMBER` has it.
_BACKSLASH, _U, _ZERO = b"\\u0"

_EACH, _TOPS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
_QUOTES, _BACKSLASHES, _BLANKS = (_EACH * np.uint64(byte) for byte in b'"\\ ')
_ZEROS, _OVER_NINE = _EACH * np.uint64(_ZERO), _EACH * np.uint64(127 - 9)

_ESCAPE_SIZES = np.zeros(256, np.int64)
_ESCAPE_SIZES[list(b'"\\/bfnrt')] = 2
_ESCAPE_SIZES[_U] = 6
_HEX = np.full(256, -1, np.int64)
for _at, _digit in enumerate(b"0123456789abcdef"):
    _HEX[[_digit, *bytes([_digit]).upper()]] = _at


class Content:
    """The bytes of all events, and where in them values end that start at given places."""

    def __init__(self, content: Bytes) -> None:
        self.bytes = content
        self._words = content[: len(content) // 8 * 8].view("<u8")
        self._limit = len(content) - 24  # Up to here it is safe to read on by a word or an escape.

    def text_ends(self, starts: Offsets) -> tuple[Offsets, Flags]:
        """How far from each start the inside of a JSON string goes, and whether it holds escapes.

        Up to there it is a well-formed one; what comes behind is for the caller to see. Of what stands in the
        last bytes of all the end may be too early.
        """
        ends, rows, escaped = starts.copy(), np.arange(len(starts)), np.zeros(len(starts), bool)
        for _ in range(_STEPS):
            at = ends[rows]
            is_near = at < self._limit
            if not is_near.all():
                rows, at = rows[is_near], at[is_near]
            plain = _before_odd(self._word(at))
            at += plain
            goes_on = plain == 8
            short = np.flatnonzero(~goes_on)
            escapes = short[self.bytes[at[short]] == _BACKSLASH]
            skipped = self._escape_sizes(at[escapes])
            at[escapes] += skipped
            goes_on[escapes] = skipped > 0
            ends[rows] = at
            escaped[rows[escapes]] = True
            rows = rows[goes_on]
            if not len(rows):
                break
        for row in rows:
            found = _STRING.match(self.bytes.data, ends[row])
            ends[row] = found.end() if found else ends[row]
            escaped[row] = True
        return ends, escaped

    def number_ends(self, starts: Offsets) -> tuple[Offsets, Flags]:
        """The same of whole numbers, without escapes; the start itself where there is none that fits a column."""
        sizes = np.zeros(len(starts), np.int64)
        rows = np.flatnonzero(starts < self._limit)
        sizes[rows] = _digits(self._word(starts[rows]))
        rows = np.flatnonzero(sizes == 8)
        sizes[rows] += _digits(self._word(starts[rows] + 8))
        sizes[sizes > _MOST_DIGITS] = 0
        some = np.flatnonzero(sizes)
        sizes[some[self.bytes[starts[some]] == _ZERO]] = 0
        return starts + sizes, np.zeros(len(starts), bool)

    def _word(self, at: Offsets) -> _Words:
        """The eight bytes from each place, the first of them lowest."""
        word, shift = at >> 3, ((at & 7) << 3).astype(np.uint64)
        low: _Words = self._words[word]
        high: _Words = self._words[word + 1]
        low >>= shift
        high <<= np.uint64(64) - shift  # by 64 gives 0
        low |= high
        return low

    def _escape_sizes(self, at: Offsets) -> _Counts:
        """Size of the escape that starts at each place; 0 where there is none that JSON knows as a character."""
        sizes = _ESCAPE_SIZES[self.bytes[np.minimum(at + 1, len(self.bytes) - 1)]]
        sizes[at >= self._limit] = 0
        coded = np.flatnonzero(sizes == 6)
        if len(coded):
            sizes[coded] = self._coded_sizes(at[coded])
        return sizes

    def _coded_sizes(self, at: Offsets) -> _Counts:
        """The same of a backslash with a u behind it: 12 where it is half a pair that is whole."""
        code, second = self._code(at), self._code(at + 6)
        is_pair = (code >> 10 == 0xD800 >> 10) & (second >> 10 == 0xDC00 >> 10)
        is_pair &= (self.bytes[at + 6] == _BACKSLASH) & (self.bytes[at + 7] == _U)
        is_alone = (code >= 0) & (code >> 11 != 0xD800 >> 11)
        return np.where(is_pair, 12, np.where(is_alone, 6, 0))

    def _code(self, at: Offsets) -> _Counts:
        """The number in the four digits of an escape; below 0 where one is no digit."""
        digits = _HEX[self.bytes[at[:, None] + np.arange(2, 6)]]
        code: _Counts = digits @ np.array([4096, 256, 16, 1])
        return np.where((digits < 0).any(axis=1), -1, code)


def _before_odd(words: _Words) -> _Counts:
    """How many bytes stand in each word before a quote, a backslash or a control character; 8: no such there.

    A byte that the subtraction borrows from may look odd, but only behind one that is.
    """
    found = words ^ _QUOTES
    odd = (found - _EACH) & ~found
    found = words ^ _BACKSLASHES
    odd |= (found - _EACH) & ~found
    odd |= (words - _BLANKS) & ~words
    return _first(odd)


def _digits(words: _Words) -> _Counts:
    """How many digits each word starts with."""
    found = words ^ _ZEROS
    return _first((found + _OVER_NINE) | found)


def _first(marks: _Words) -> _Counts:
    """The first byte of each word with its top bit set; 8 where there is none."""
    marks &= _TOPS
    below = (marks & (~marks + np.uint64(1))) - np.uint64(1)
    return (np.bitwise_count(below) >> np.uint8(3)).astype(np.int64)


def unescaped(texts: pl.Series) -> pl.Series:
    """The text that each value, written as in JSON, stands for."""
    return decoded(texts, texts.str.contains("\\", literal=True).to_numpy().nonzero()[0])


def decoded(texts: pl.Series, rows: Offsets) -> pl.Series:
    """The values, those of `rows` by the text that they stand for."""
    if not len(rows):
        return texts
    written = '["' + '","'.join(texts.gather(rows)) + '"]'
    return texts.scatter(rows, pl.Series(msgspec.json.decode(written, type=list[str])))
