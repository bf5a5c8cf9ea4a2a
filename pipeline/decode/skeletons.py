"""Whole streams at once: where events share a skeleton, what differs is all that lies between its repetitions.

A stream of such events reads: first part, value, last part, blank line, first part, value, … So the last part,
the blank line and the first part make a separator, and cutting the text at it leaves the values. What is no
plain value, and what lies before the first and behind the last separator, is put together again and treated
alike, with a skeleton of its own; what nothing repeats is looked at block by block. `meanings` says why this
gives what decoding every block gives.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from pipeline.decode import values
from pipeline.decode.blocks import ROWS, Blocks, Steady, one_by_one
from pipeline.decode.delta import NO_SLOTS, Decode, Slots
from pipeline.decode.meanings import STEADY, Meaning, Skeleton, skeleton_of

TEXTS = pl.Schema({"response": pl.UInt32, "start": pl.Int64, "text": pl.String})

_ROUNDS = 6  # Each halves what is left, at least where a stream changes from one skeleton to the next.
_WINDOW = 4_096  # Bytes in which to look for a block to learn from.
_WORTHWHILE = 8  # Blocks in a text that are cheaper to cut at once than to decode one by one,
LEAST_BYTES = 2_000  # and the size below which there are hardly so many.


class _Kind(NamedTuple):
    """What texts must have in common to be cut together."""

    is_number: tuple[bool, ...]
    filled: tuple[tuple[str, int], ...]
    steady: tuple[str, ...]


class _Learned(NamedTuple):
    """What the middle of a text shows: the parts around values, and the meaning that its events share."""

    text: int
    kind: _Kind
    meaning: int
    parts: tuple[bytes, ...]
    values: tuple[bytes, ...]
    """Of the columns that its events fill alike."""
    steady: tuple[Steady, ...]


def understand(texts: pl.DataFrame, speak: Decode, slots: Slots, meanings: list[Meaning]) -> pl.DataFrame:
    """Say what each block means: `ROWS` and, by column, the events' own values.

    `texts` has `response`, `start` and `text`, and ends are counted as starts are. `meaning` is a position in
    `meanings`, which grows. Blocks that are no event have no row, nor has what follows the last blank line.
    """
    blocks = Blocks(speak, slots, meanings)
    steady: dict[int, tuple[Steady, ...]] = {}
    found, singles = [ROWS.to_frame()], []
    for _ in range(_ROUNDS):
        learned = _learn(texts, blocks)
        if not learned:
            break
        steady = (
            dict(
                zip(
                    texts["response"].gather([one.text for one in learned]),
                    (one.steady for one in learned),
                    strict=True,
                )
            )
            | steady
        )
        is_left = np.ones(texts.height, bool)
        is_left[[one.text for one in learned]] = False
        singles.append(texts.filter(is_left))
        cut = [_cut(texts, alike) for alike in _alike(learned)]
        found += [rows for rows, _, _ in cut]
        singles += [uncut for _, uncut, _ in cut]
        texts = pl.concat([TEXTS.to_frame(), *(rest for _, _, rest in cut)])
    found.append(one_by_one(pl.concat([*singles, texts]), blocks, steady))
    return pl.concat(found, how="diagonal")


def _learn(texts: pl.DataFrame, blocks: Blocks) -> list[_Learned]:
    """Look into the middle of each text that is long enough."""
    if blocks.slots == NO_SLOTS:
        return []
    sizes = texts.select(pl.int_range(pl.len()).alias("row"), "text", size=pl.col("text").str.len_bytes())
    middle = pl.col("text").cast(pl.Binary).bin.slice(pl.col("size") // 2, _WINDOW)
    long = sizes.filter(pl.col("size") >= LEAST_BYTES).select("row", "size", middle)
    learned = (_shown(row, window, size // _WORTHWHILE, blocks) for row, size, window in long.iter_rows())
    return [one for one in learned if one]


def _shown(text: int, window: bytes, longest: int, blocks: Blocks) -> _Learned | None:
    """What the first block shows that lies in the window as a whole, has a skeleton, and is not too long."""
    start = window.find(b"\n\n") + 2
    while (end := window.find(b"\n\n", start)) > start > 1:
        block = window[start:end]
        found = skeleton_of(block, blocks.slots) if end - start < longest and STEADY not in block else None
        if found:
            number = blocks.shared(found[0])
            return None if number is None else _learned(text, *found, number, blocks)
        start = end + 2
    return None


def _learned(text: int, skeleton: Skeleton, found: Sequence[bytes], number: int, blocks: Blocks) -> _Learned | None:
    """Put steady values back into the skeleton; None where no hole is left."""
    parts, part, kinds, steady = [], b"", [], {}
    positions: dict[int, int] = {}
    for index, (fixed, hole, value) in enumerate(zip(skeleton.fixed, skeleton.holes, found, strict=False)):
        part += fixed
        if hole.key.decode() in blocks.slots.steady:
            part += value
            if hole.key not in steady:
                name, closing = fixed[fixed.rindex(b'"' + hole.key) :], skeleton.fixed[index + 1][:1]
                steady[hole.key] = Steady(value, STEADY + hole.key, name + value + closing, name + STEADY + closing)
        else:
            positions[index] = len(parts)
            parts.append(part)
            kinds.append(hole.is_number)
            part = b""
    if not parts:
        return None
    filled = blocks.meanings[number].filled
    own = tuple((name, positions[hole]) for name, hole in filled if hole in positions)
    alike = [(name, found[hole]) for name, hole in filled if hole not in positions]
    kind = _Kind(tuple(kinds), own, tuple(name for name, _ in alike))
    last = part + skeleton.fixed[-1] + b"\n\n"
    return _Learned(text, kind, number, (*parts, last), tuple(value for _, value in alike), tuple(steady.values()))


def _alike(learned: Iterable[_Learned]) -> Iterable[Sequence[_Learned]]:
    """Put together what can be cut together."""
    alike = defaultdict(list)
    for one in learned:
        alike[one.kind].append(one)
    return alike.values()


def _cut(texts: pl.DataFrame, alike: Sequence[_Learned]) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Cut texts at their separators: the events, the texts that have no separator, and what is left of the others."""
    kind = alike[0].kind
    known = texts[[one.text for one in alike]]
    first, *between, last = (_series(parts) for parts in zip(*(one.parts for one in alike), strict=True))
    lists = known.select(pl.col("text").str.split(last + first)).to_series()
    counts = lists.list.len().to_numpy().astype(np.int64)
    pieces = lists.explode()
    text = np.repeat(np.arange(len(counts)), counts)
    behind = np.cumsum(counts)
    is_first, is_last = np.zeros(len(text), bool), np.zeros(len(text), bool)
    is_first[behind - counts] = is_last[behind - 1] = True
    heads, tails = (part.str.len_bytes().to_numpy().astype(np.int64) for part in (first, last))
    sizes = pieces.str.len_bytes().to_numpy().astype(np.int64) + (heads + tails)[text]
    ends = np.cumsum(sizes)
    # An end is where the last part would stand, whether it does or not; the first piece lacks its first part.
    before = np.concatenate([[0], ends[behind - 1][:-1]])
    ends += (known["start"].to_numpy() - before - heads)[text]
    for hole in kind.is_number:
        pass
    own, is_whole = values.read(
        pieces, [part.gather(text) for part in between], kind.is_number, {hole for _, hole in kind.filled}
    )
    is_whole &= ~(is_first | is_last)
    alike_values = zip(
        kind.steady, zip(*(one.values for one in alike), strict=True) if kind.steady else (), strict=True
    )
    whole = np.flatnonzero(is_whole)
    of = text[whole]
    rows = pl.DataFrame(
        {
            "response": known["response"].gather(of),
            "end": ends[whole],
            "size": sizes[whole] - 2,
            "meaning": np.array([one.meaning for one in alike], np.int32)[of],
            **{name: own[hole].gather(whole) for name, hole in kind.filled},
            **{name: values.unescaped(_series(found)).gather(of) for name, found in alike_values},
        }
    )
    left = np.flatnonzero(~is_whole)
    of = text[left]
    front = first.gather(of).set(pl.Series(is_first[left]), "")
    back = last.gather(of).set(pl.Series(is_last[left]), "")
    starts = ends[left] - sizes[left] + np.where(is_first[left], heads[of], 0)
    rest = pl.DataFrame(
        {"response": known["response"].gather(of), "start": starts, "text": front + pieces.gather(left) + back}
    )
    is_uncut = pl.Series((is_first & is_last)[left])
    return rows, rest.filter(is_uncut), rest.filter(~is_uncut)


def _series(parts: Iterable[bytes]) -> pl.Series:
    return pl.Series([part.decode() for part in parts], dtype=pl.String)
