"""Blocks of streams one by one: by a skeleton met before, else as they stand, equal ones once.

This is how a stream's skeleton is found, and the way of the blocks that its skeletons leave over.
"""

import re
from collections.abc import Container, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from pipeline.decode.delta import Decode, Slots
from pipeline.decode.meanings import SSE, Framing, Meaning, Skeleton, as_it_stands, shared, skeleton_of

NO_EVENT = -1
_RECENT = 16  # Skeletons to try on a block before looking for its own.
_OFTEN = 4  # Blocks of one skeleton from which on it is worth a pattern of its own.

Own = Sequence[tuple[str, bytes]]
"""Columns with the values, as written, that are the block's own."""


class Known:
    """A skeleton, and the number of the meaning that all blocks of it share.

    It gets a pattern once many blocks had it: to make one takes its time.
    """

    def __init__(self, skeleton: Skeleton, number: int, steady: Container[bytes]) -> None:
        self.skeleton, self.number = skeleton, number
        self.steady = [at for at, hole in enumerate(skeleton.holes) if hole.key in steady]
        self.plans: dict[tuple[int, ...], Any] = {}
        self.last = skeleton.fixed[-1]
        self._times = 0
        self._pattern: re.Pattern[bytes] | None = None

    def spans(self, block: bytes) -> Sequence[tuple[int, int]] | None:
        """As `Skeleton.spans`."""
        if not block.endswith(self.last):
            return None
        if self._pattern:
            found = self._pattern.fullmatch(block)
            return found.regs[1:] if found else None
        spans = self.skeleton.spans(block)
        self._times += spans is not None
        if self._times == _OFTEN:
            self._pattern = self.skeleton.pattern()
        return spans


class Found(NamedTuple):
    """A block's skeleton, and where its values stand."""

    known: Known
    spans: Sequence[tuple[int, int]]


class Blocks:
    """What blocks of one dialect say; `meanings` grows by what was not known."""

    def __init__(self, speak: Decode, slots: Slots, meanings: list[Meaning], framing: Framing = SSE) -> None:
        self._steady = frozenset(key.encode() for key in slots.steady)
        self.meanings = meanings
        self._slots = slots
        self._speak = speak
        self._framing = framing
        self._shared: dict[Skeleton, int | None] = {}
        self._recent: list[Known] = []
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
            number = found.known.number
            filled = self.meanings[number].filled
            return number, [(name, block[slice(*found.spans[hole])]) for name, hole in filled]
        meaning = as_it_stands(block, self._speak, self._framing)
        self._alone[block] = self._numbered(meaning) if meaning else NO_EVENT
        return self._alone[block], ()

    def _fit(self, block: bytes) -> Found | None:
        for at, known in enumerate(self._recent):
            spans = known.spans(block)
            if spans:
                if at:
                    self._recent.insert(0, self._recent.pop(at))
                return Found(known, spans)
        return None

    def _share(self, skeleton: Skeleton) -> bool:
        if skeleton not in self._shared:
            meaning = shared(skeleton, self._speak, self._framing)
            self._shared[skeleton] = meaning and self._numbered(meaning)
        number = self._shared[skeleton]
        if number is not None:
            self._recent = [Known(skeleton, number, self._steady), *self._recent[: _RECENT - 1]]
        return number is not None

    def _numbered(self, meaning: Meaning) -> int:
        self.meanings.append(meaning)
        return len(self.meanings) - 1


def one_by_one(
    shown: Iterable[tuple[int, bytes]], blocks: Blocks
) -> tuple[dict[int, int], dict[str, dict[int, str]]]:
    """Say what each of these numbered blocks means that is an event, and by column the values that are its own."""
    meanings: dict[int, int] = {}
    owned: dict[str, dict[int, str]] = {}
    for row, block in shown:
        number, own = blocks.say(block)
        if number != NO_EVENT:
            meanings[row] = number
        for name, value in own:
            owned.setdefault(name, {})[row] = _text(value)
    return meanings, owned


def _text(value: bytes) -> str:
    """The text of a value as written."""
    return msgspec.json.decode(b'"%b"' % value, type=str) if b"\\" in value else value.decode()
