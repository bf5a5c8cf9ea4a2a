"""Whole streams at once: where events share a skeleton, what differs is all that lies between its repetitions.

A stream of such events reads: first part, value, last part, blank line, first part, value, … So the last part,
the blank line and the first part make a separator, and cutting the text at it leaves the values. What is no
plain value, and what lies before the first and behind the last separator, is put together again and treated
alike, with a skeleton of its own; what nothing repeats is decoded block by block. `meanings` says why this
gives what decoding every block gives.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import polars as pl

from pipeline.decode.delta import NO_SLOTS, Decode, Slots
from pipeline.decode.meanings import NUMBER, STRING, Meaning, Skeleton, as_it_stands, shared, skeleton_of

ROWS = pl.Schema({"response": pl.UInt32, "end": pl.Int64, "meaning": pl.Int32})
TEXTS = pl.Schema({"response": pl.UInt32, "start": pl.Int64, "text": pl.String})

_ROUNDS = 6  # Each halves what is left, at least where a stream changes from one skeleton to the next.
_WINDOW = 4_096  # Bytes in which to look for a block to learn from.
_WORTHWHILE = 8  # Blocks in a text that are cheaper to cut at once than to decode one by one,
LEAST_BYTES = 2_000  # and the size below which there are hardly so many.
_NO_EVENT = -1

_TEXT = pl.col("text_id")
_IS_FIRST = (_TEXT.shift(1) != _TEXT).fill_null(value=True)
_IS_LAST = (_TEXT.shift(-1) != _TEXT).fill_null(value=True)
_FIRST, _LAST = pl.col("first"), pl.col("last")


class _Learned(NamedTuple):
    """The skeleton that the middle of a text shows, and the meaning that its events share."""

    text_id: int
    skeleton: Skeleton
    meaning: int


def understand(texts: pl.DataFrame, speak: Decode, slots: Slots, meanings: list[Meaning]) -> pl.DataFrame:
    """Say what each block means: `response`, `end`, `meaning` and, as written, the values of `hole_0` ….

    `texts` has `response`, `start` and `text`, and ends are counted as starts are. `meaning` is a position in
    `meanings`, which grows. Blocks that are no event have no row, nor has what follows the last blank line.
    """
    found, singles = [ROWS.to_frame()], []
    for _ in range(_ROUNDS):
        learned = _learn(texts, speak, slots, meanings)
        is_learned = pl.int_range(pl.len()).is_in([one.text_id for one in learned])
        singles.append(texts.filter(~is_learned))
        cut = [_cut(texts, alike) for alike in _alike(learned)]
        found += [pieces.filter("is_whole").select(*ROWS, pl.col("^hole_.*$")) for pieces in cut]
        rests = [_rest(pieces) for pieces in cut]
        singles += [rest.filter("is_uncut").select(*TEXTS) for rest in rests]
        texts = pl.concat([TEXTS.to_frame(), *(rest.filter(~pl.col("is_uncut")).select(*TEXTS) for rest in rests)])
        if texts.is_empty():
            break
    found.append(_one_by_one(pl.concat([*singles, texts]), speak, meanings))
    return pl.concat(found, how="diagonal")


def _learn(texts: pl.DataFrame, speak: Decode, slots: Slots, meanings: list[Meaning]) -> list[_Learned]:
    """Look into the middle of each text that is long enough."""
    if slots == NO_SLOTS:
        return []
    sizes = texts.select(pl.int_range(pl.len()).alias("text_id"), "text", size=pl.col("text").str.len_bytes())
    middle = pl.col("text").cast(pl.Binary).bin.slice(pl.col("size") // 2, _WINDOW)
    learned = []
    for text_id, size, window in (
        sizes.filter(pl.col("size") >= LEAST_BYTES).select("text_id", "size", middle).iter_rows()
    ):
        skeleton = _shown(window, size // _WORTHWHILE, slots)
        meaning = skeleton and shared(skeleton, speak)
        if skeleton and meaning:
            learned.append(_Learned(text_id, skeleton, _numbered(meaning, meanings)))
    return learned


def _shown(window: bytes, longest: int, slots: Slots) -> Skeleton | None:
    """The skeleton of the first block that lies in the window as a whole, has one, and is not too long."""
    start = window.find(b"\n\n") + 2
    while (end := window.find(b"\n\n", start)) > start > 1:
        skeleton = skeleton_of(window[start:end].decode(), slots) if end - start < longest else None
        if skeleton:
            return skeleton
        start = end + 2
    return None


def _alike(learned: Iterable[_Learned]) -> Iterable[Sequence[_Learned]]:
    """Put together what has the same kinds of holes."""
    alike = defaultdict(list)
    for one in learned:
        alike[one.skeleton.is_number].append(one)
    return alike.values()


def _cut(texts: pl.DataFrame, alike: Sequence[_Learned]) -> pl.DataFrame:
    """Cut texts at their separators; `is_whole` says which pieces are the values of one event."""
    is_number = alike[0].skeleton.is_number
    meaning = pl.Series("meaning", [one.meaning for one in alike], pl.Int32)
    known = texts[[one.text_id for one in alike]].with_row_index("text_id").with_columns(meaning, *_parts(alike))
    pieces = _with_holes(
        known.with_columns(piece=pl.col("text").str.split(_LAST + _FIRST)).drop("text").explode("piece"), is_number
    )
    ends = (_size(pl.col("piece")) + _size(_LAST) + _size(_FIRST)).cum_sum().over("text_id") - _size(_FIRST)
    pieces = pieces.with_columns(end=pl.col("start") + ends, is_first=_IS_FIRST, is_last=_IS_LAST)
    is_plain = (_is_plain(hole, is_number=kind) for hole, kind in enumerate(is_number))
    return pieces.with_columns(is_whole=pl.all_horizontal(*is_plain, ~pl.col("is_first"), ~pl.col("is_last")))


def _rest(pieces: pl.DataFrame) -> pl.DataFrame:
    """The texts left over, from blank line to blank line; `is_uncut` where there was no separator at all."""
    before = pl.when("is_first").then(pl.lit("")).otherwise(_FIRST)
    behind = pl.when("is_last").then(pl.lit("")).otherwise(_LAST)
    left = pieces.filter(~pl.col("is_whole")).with_columns(text=before + pl.col("piece") + behind)
    # An end is where the last part would stand, whether it does or not.
    start = pl.col("end") - _size(_LAST) - _size(pl.col("piece")) - _size(before)
    return left.with_columns(start=start, is_uncut=pl.col("is_first") & pl.col("is_last"))


def _size(text: pl.Expr) -> pl.Expr:
    return text.str.len_bytes().cast(pl.Int64)


def _parts(alike: Sequence[_Learned]) -> list[pl.Series]:
    """The fixed parts of each skeleton: the first, those between the holes, and the last with the blank line."""
    first, *between, last = zip(*(one.skeleton.fixed for one in alike), strict=True)
    columns = {"first": first, "last": [f"{part}\n\n" for part in last]}
    columns |= {f"between_{hole}": parts for hole, parts in enumerate(between)}
    return [pl.Series(name, parts, pl.String) for name, parts in columns.items()]


def _with_holes(pieces: pl.DataFrame, is_number: Sequence[bool]) -> pl.DataFrame:
    """Take each piece apart where the fixed parts between its holes stand; null where they do not."""
    pieces = pieces.rename({"piece": "rest"}).with_columns(piece="rest")
    rest = pl.col("rest").cast(pl.Binary).bin
    for hole, kind in enumerate(is_number[:-1]):
        part = pl.col(f"between_{hole}").cast(pl.Binary)
        pieces = pieces.with_columns(_size_of_first(pieces["rest"], is_number=kind).alias("size"))
        pieces = pieces.with_columns(
            rest.slice(0, pl.col("size")).cast(pl.String).alias(f"hole_{hole}"), rest=rest.slice(pl.col("size"))
        )
        behind = pl.when(rest.starts_with(part)).then(rest.slice(part.bin.size()))
        pieces = pieces.with_columns(rest=behind.cast(pl.String))
    return pieces.rename({"rest": f"hole_{len(is_number) - 1}"})


def _size_of_first(texts: pl.Series, *, is_number: bool) -> pl.Series:
    """Bytes of the value that each text begins with, up to its last digit or its closing quote."""
    if is_number:
        return texts.str.find("[^0-9]")
    sizes = texts.str.find('"', literal=True)
    quotes = pl.DataFrame({"text": texts.cast(pl.Binary), "size": sizes}).select(
        pl.col("text").bin.slice(pl.col("size").cast(pl.Int64) - 1, 1) == b"\\"
    )
    escaped = quotes.to_series().arg_true()
    if escaped.is_empty():
        return sizes
    return sizes.scatter(escaped, texts.gather(escaped).str.extract(rf'^({STRING})"').str.len_bytes())


def _is_plain(hole: int, *, is_number: bool) -> pl.Expr:
    pattern = rf"^{NUMBER if is_number else STRING}$"
    return pl.col(f"hole_{hole}").str.contains(pattern).fill_null(value=False)


def _one_by_one(texts: pl.DataFrame, speak: Decode, meanings: list[Meaning]) -> pl.DataFrame:
    """Decode every block as it stands, equal ones once."""
    blocks = texts.with_row_index("text_id").with_columns(block=pl.col("text").str.split("\n\n")).explode("block")
    ends = pl.col("start") + (_size(pl.col("block")) + 2).cum_sum().over("text_id")
    blocks = blocks.select("response", "block", end=ends, is_last=_IS_LAST).filter(~pl.col("is_last"))
    known: dict[bytes, int] = {}
    numbers = [_understood(block, speak, meanings, known) for block in blocks["block"].cast(pl.Binary)]
    return blocks.select("response", "end", meaning=pl.Series(numbers, dtype=pl.Int32)).filter(
        pl.col("meaning") != _NO_EVENT
    )


def _understood(block: bytes, speak: Decode, meanings: list[Meaning], known: dict[bytes, int]) -> int:
    if block not in known:
        meaning = as_it_stands(block, speak)
        known[block] = _numbered(meaning, meanings) if meaning else _NO_EVENT
    return known[block]


def _numbered(meaning: Meaning, meanings: list[Meaning]) -> int:
    meanings.append(meaning)
    return len(meanings) - 1


def unescaped(values: pl.Series) -> pl.Series:
    """The text that each value, written as in JSON, stands for."""
    odd = values.str.contains("\\", literal=True).fill_null(value=False).arg_true()
    if odd.is_empty():
        return values
    texts = '["' + '","'.join(values.gather(odd)) + '"]'
    return values.scatter(odd, pl.Series(msgspec.json.decode(texts, type=list[str])))
