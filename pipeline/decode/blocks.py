"""Blocks of streams one by one, each kind decoded once: what is left where whole streams were cut.

A kind is a block's skeleton. Of a stream whose `steady` values are known, these are taken out before a block is
looked up, so that the blocks which open and end all streams of a server are the same.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import polars as pl

from pipeline.decode.delta import Decode, Slots
from pipeline.decode.meanings import STEADY, Meaning, Skeleton, as_it_stands, shared, skeleton_of

NO_EVENT = -1

Own = tuple[tuple[str, bytes], ...]
"""Columns with the values, as written, that are the block's own."""


class Steady(NamedTuple):
    """A value that a key has throughout a stream: what stands for it in a block, and with the key around it."""

    value: bytes
    mark: bytes
    written: bytes
    emptied: bytes


class Blocks:
    """What blocks of one dialect say; `meanings` grows by what was not known."""

    def __init__(self, speak: Decode, slots: Slots, meanings: list[Meaning]) -> None:
        self.slots = slots
        self.meanings = meanings
        self._speak = speak
        self._shared: dict[Skeleton, int | None] = {}
        self._known: dict[bytes, tuple[int, Own] | None] = {}
        self._alone: dict[bytes, int] = {}

    def shared(self, skeleton: Skeleton) -> int | None:
        """The number of the meaning that all blocks of a skeleton share, if they do."""
        if skeleton not in self._shared:
            meaning = shared(skeleton, self._speak)
            self._shared[skeleton] = meaning and self._numbered(meaning)
        return self._shared[skeleton]

    def say(self, block: bytes, emptied: bytes) -> tuple[int, Own]:
        """The number of a block's meaning and its own values; `emptied` is the block without steady ones."""
        if emptied not in self._known:
            self._known[emptied] = self._by_skeleton(emptied)
        return self._known[emptied] or (self.alone(block), ())

    def alone(self, block: bytes) -> int:
        """The number of the meaning of a block as it stands, `NO_EVENT` where it is none."""
        if block not in self._alone:
            meaning = as_it_stands(block, self._speak)
            self._alone[block] = self._numbered(meaning) if meaning else NO_EVENT
        return self._alone[block]

    def _by_skeleton(self, emptied: bytes) -> tuple[int, Own] | None:
        found = skeleton_of(emptied, self.slots)
        if found is None or any(STEADY in part for part in found[0].fixed):
            return None
        skeleton, values = found
        number = self.shared(skeleton)
        if number is None:
            return None
        filled = ((name, values[hole], skeleton.holes[hole].key) for name, hole in self.meanings[number].filled)
        return number, tuple((name, STEADY + key if value == STEADY else value) for name, value, key in filled)

    def _numbered(self, meaning: Meaning) -> int:
        self.meanings.append(meaning)
        return len(self.meanings) - 1


def one_by_one(texts: pl.DataFrame, blocks: Blocks, steady: Mapping[int, Sequence[Steady]]) -> pl.DataFrame:
    """Say what each block of `texts` says: a row an event, with columns for the events' own values."""
    rows: list[tuple[int, int, int, int]] = []
    owned: dict[str, dict[int, bytes]] = {}
    for response, start, text in texts.with_columns(pl.col("text").cast(pl.Binary)).iter_rows():
        known = () if STEADY in text else steady.get(response, ())
        emptied, end = text, start
        for one in known:
            emptied = emptied.replace(one.written, one.emptied)
        values = {one.mark: one.value for one in known}
        for block, bare in zip(text.split(b"\n\n")[:-1], emptied.split(b"\n\n"), strict=False):
            end += len(block) + 2
            number, own = (blocks.alone(block), ()) if STEADY in block else blocks.say(block, bare)
            if number != NO_EVENT:
                for name, value in own:
                    owned.setdefault(name, {})[len(rows)] = values.get(value, value)
                rows.append((response, end, len(block), number))
    columns = [pl.Series(name, _texts(found, len(rows)), pl.String) for name, found in owned.items()]
    return pl.DataFrame(rows, schema=ROWS, orient="row").with_columns(columns)


def _texts(found: Mapping[int, bytes], count: int) -> list[str | None]:
    """A column of texts from values as written; null where there is none."""
    texts: list[str | None] = [None] * count
    for row, value in found.items():
        texts[row] = msgspec.json.decode(b'"%b"' % value, type=str) if b"\\" in value else value.decode()
    return texts


ROWS = pl.Schema({"response": pl.UInt32, "end": pl.Int64, "size": pl.Int64, "meaning": pl.Int32})
"""An event: whose, where it ends, bytes of its block, number of its meaning."""
