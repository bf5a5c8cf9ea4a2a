"""Blocks of streams one by one: by a skeleton met before, else as they stand, equal ones once.

This is how a stream's skeleton is found, and the way of the blocks that its skeletons leave over.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import polars as pl

from pipeline.decode.delta import Decode, Slots
from pipeline.decode.meanings import SSE, Framing, Meaning, Skeleton, as_it_stands, shared, skeleton_of

FRAMED = pl.Schema({"row": pl.UInt32, "response": pl.UInt32, "end": pl.Int64, "size": pl.Int64, "block": pl.String})
"""A block of a body: its number, whose, where the blank line behind it ends, its bytes, and what it is."""

SAID = pl.Schema({"row": pl.UInt32, "meaning": pl.Int32})
"""An event: which block it is, and the number of its meaning."""

NO_EVENT = -1
_RECENT = 16  # Skeletons to try on a block before looking for its own.

Own = Sequence[tuple[str, bytes]]
"""Columns with the values, as written, that are the block's own."""


class Found(NamedTuple):
    """A block's skeleton, the number of the meaning that all blocks of it share, and where its values stand."""

    skeleton: Skeleton
    number: int
    spans: Sequence[tuple[int, int]]


class Blocks:
    """What blocks of one dialect say; `meanings` grows by what was not known."""

    def __init__(self, speak: Decode, slots: Slots, meanings: list[Meaning], framing: Framing = SSE) -> None:
        self.steady = frozenset(key.encode() for key in slots.steady)
        self.meanings = meanings
        self._slots = slots
        self._speak = speak
        self._framing = framing
        self._shared: dict[Skeleton, int | None] = {}
        self._recent: list[tuple[Skeleton, int]] = []
        self._seen: set[Skeleton] = set()
        self._alone: dict[bytes, int] = {}

    def find(self, block: bytes, *, again: bool = False) -> Found | None:
        """The skeleton of a block, where all blocks of it say the same; with `again` only if it was met before."""
        found = self._fit(block)
        cut = None if found else skeleton_of(block, self._slots)
        if cut and again and cut not in self._seen:
            self._seen.add(cut)
        elif cut and self._share(cut):
            found = self._fit(block)
        return found

    def say(self, block: bytes) -> tuple[int, Own]:
        """The number of a block's meaning, `NO_EVENT` where it is none, and its own values."""
        if block in self._alone:
            return self._alone[block], ()
        if found := self.find(block, again=True):  # To decode it is cheaper than to probe for its skeleton.
            filled = self.meanings[found.number].filled
            return found.number, [(name, block[slice(*found.spans[hole])]) for name, hole in filled]
        meaning = as_it_stands(block, self._speak, self._framing)
        self._alone[block] = self._numbered(meaning) if meaning else NO_EVENT
        return self._alone[block], ()

    def _fit(self, block: bytes) -> Found | None:
        for at, (skeleton, number) in enumerate(self._recent):
            spans = skeleton.spans(block)
            if spans:
                self._recent.insert(0, self._recent.pop(at))
                return Found(skeleton, number, spans)
        return None

    def _share(self, skeleton: Skeleton) -> bool:
        if skeleton not in self._shared:
            meaning = shared(skeleton, self._speak, self._framing)
            self._shared[skeleton] = meaning and self._numbered(meaning)
        number = self._shared[skeleton]
        if number is not None:
            self._recent = [(skeleton, number), *self._recent[: _RECENT - 1]]
        return number is not None

    def _numbered(self, meaning: Meaning) -> int:
        self.meanings.append(meaning)
        return len(self.meanings) - 1


def one_by_one(framed: pl.DataFrame, blocks: Blocks) -> pl.DataFrame:
    """Say what each block means: `SAID`, with columns for the events' own values."""
    numbers: list[int] = []
    owned: dict[str, dict[int, bytes]] = {}
    for row, block in enumerate(framed["block"].cast(pl.Binary)):
        number, own = blocks.say(block)
        numbers.append(number)
        for name, value in own:
            owned.setdefault(name, {})[row] = value
    columns = [pl.Series(name, _texts(found, framed.height), pl.String) for name, found in owned.items()]
    said = framed.select("row", pl.Series("meaning", numbers, pl.Int32), *columns)
    return said.filter(pl.col("meaning") != NO_EVENT)


def _texts(found: Mapping[int, bytes], count: int) -> list[str | None]:
    """A column of texts from values as written; null where there is none."""
    texts: list[str | None] = [None] * count
    for row, value in found.items():
        texts[row] = msgspec.json.decode(b'"%b"' % value, type=str) if b"\\" in value else value.decode()
    return texts
