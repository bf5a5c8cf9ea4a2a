"""What an event of a stream says: decoded as it stands, or once for all events that share a skeleton.

A skeleton is an event's text with holes where the values of some keys stood, `Slots` that the dialect names:
strings or whole numbers, none empty or zero. A plain value (a well-formed string up to its closing quote, a
number that fits a column) never changes how the JSON around it is read, so events of one skeleton say the
same but for those values. The dialect decodes the skeleton twice, with different probes in its holes: a column
in which a probe comes out whole is filled from that hole, event by event; where anything else differs, the
skeleton is no use and its events are decoded one by one.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from msgspec import structs
from msgspec.structs import astuple

from pipeline.decode.delta import Decode, Delta, Slots
from pipeline.decode.sse import Event, event_of

_ESCAPE = (
    r'\\["\\/bfnrt]|\\u[0-9a-ce-fA-CE-F][0-9a-fA-F]{3}|\\u[dD][0-7][0-9a-fA-F]{2}'
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
STRING = rf'(?:[^"\\\x00-\x1f]++|{_ESCAPE})++'
"""A JSON string that is not empty, without its quotes, as a regular expression."""

NUMBER = r"[1-9][0-9]{0,14}"
"""A whole number in JSON, not zero, that every column of integers can hold."""

MAX_HOLES = 8

_PLAIN = re.compile(STRING.encode()), re.compile(NUMBER.encode())
_GROUPS = f"({STRING})".encode(), f"({NUMBER})".encode()


class Meaning(NamedTuple):
    """What an event says; `filled` pairs columns that hold the event's own values with the holes these are from."""

    event_type: str
    framing: int
    """Bytes of the block that are no data."""
    delta: Delta
    filled: tuple[tuple[str, int], ...] = ()


class Hole(NamedTuple):
    """Where the value of a key stood, a number or the inside of a string."""

    key: bytes
    is_number: bool


class Skeleton(NamedTuple):
    """A block with holes: the text before each hole and behind the last."""

    fixed: tuple[bytes, ...]
    holes: tuple[Hole, ...]

    def block(self, values: Sequence[bytes]) -> bytes:
        """Put a value into each hole."""
        parts = [part + value for part, value in zip(self.fixed, values, strict=False)]
        return b"".join([*parts, self.fixed[-1]])

    def spans(self, block: bytes) -> list[tuple[int, int]] | None:
        """Where in a block its values stand; None where the block has another skeleton."""
        last = self.fixed[-1]
        if not block.endswith(last):
            return None
        found, end = [], 0
        for fixed, hole in zip(self.fixed, self.holes, strict=False):
            value = block.startswith(fixed, end) and _PLAIN[hole.is_number].match(block, end + len(fixed))
            if not value:
                return None
            found.append(value.span())
            end = value.end()
        return found if end + len(last) == len(block) else None

    def pattern(self) -> re.Pattern[bytes]:
        """Matches whole blocks of this skeleton, a group a value."""
        values = [_GROUPS[hole.is_number] for hole in self.holes]
        parts = [re.escape(part) + value for part, value in zip(self.fixed, values, strict=False)]
        return re.compile(b"".join([*parts, re.escape(self.fixed[-1])]))


class Framing(NamedTuple):
    """How a stream is cut into blocks: what stands behind each, and the event that a block is, or None.

    `lf_only`: whether CR and CRLF end lines as LF does. `ends_with_body`: what follows the last of these ends is a
    block, too.
    """

    end: str
    event_of: Callable[[bytes], Event | None]
    lf_only: bool
    ends_with_body: bool


def _line_of(block: bytes) -> Event | None:
    line = block.strip()
    return Event("line", line) if line else None


SSE = Framing("\n\n", event_of, lf_only=True, ends_with_body=False)
LINES = Framing("\n", _line_of, lf_only=False, ends_with_body=True)
"""JSON a line: what `responses.dispatch` makes of them."""


def as_it_stands(block: bytes, speak: Decode, framing: Framing = SSE) -> Meaning | None:
    """Decode one block; None where it is no event."""
    found = framing.event_of(block)
    return Meaning(found.type, len(block) - len(found.data), speak(found.type, found.data)) if found else None


def skeleton_of(block: bytes, slots: Slots) -> Skeleton | None:
    """Cut holes where values of `slots` stand; None where there are none."""
    fixed: list[bytes] = []
    holes: list[Hole] = []
    start = 0
    for found in _values(slots).finditer(block):
        if len(holes) == MAX_HOLES:
            break
        group = found.lastindex or 0  # the value's; its key's is the one before
        fixed.append(block[start : found.start(group)])
        holes.append(Hole(found[group - 1], group == _NUMBER_GROUP))
        start = found.end(group)
    return Skeleton((*fixed, block[start:]), tuple(holes)) if holes else None


_NUMBER_GROUP = 4


@cache
def _values(slots: Slots) -> re.Pattern[bytes]:
    """Matches a slot, its key and its value, with or without a blank behind the colon."""
    texts, numbers = ("|".join(keys) or "(?!)" for keys in (slots.texts, slots.numbers))
    return re.compile(rf'"({texts})": ?"({STRING})(?=")|"({numbers})": ?({NUMBER})(?=[,}}\]])'.encode())


def shared(skeleton: Skeleton, speak: Decode, framing: Framing = SSE) -> Meaning | None:
    """What all events of a skeleton say. None: decode each."""
    probes, pairs = _probes(tuple(hole.is_number for hole in skeleton.holes))
    first, second = (as_it_stands(skeleton.block(values), speak, framing) for values in probes)
    if first is None or second is None or first[:2] != second[:2]:
        return None
    filled = []
    for name, one, other in zip(Delta.__struct_fields__, astuple(first.delta), astuple(second.delta), strict=True):
        if one != other:
            hole = pairs.get((str(one), str(other)))
            if hole is None:
                return None
            filled.append((name, hole))
    own = dict.fromkeys((name for name, _ in filled), None)
    return first._replace(delta=structs.replace(first.delta, **own), filled=tuple(filled))


@cache
def _probes(is_number: tuple[bool, ...]) -> tuple[list[list[bytes]], dict[tuple[str, str], int]]:
    """Two values for each hole, as JSON writes them, that nothing else holds; the hole of each pair."""
    probes = [[_probe(hole * 2 + step, is_number=kind) for hole, kind in enumerate(is_number)] for step in (0, 1)]
    pairs = {pair: hole for hole, pair in enumerate(zip(*probes, strict=True))}
    return [[probe.encode() for probe in values] for values in probes], pairs


def _probe(number: int, *, is_number: bool) -> str:
    """No two of a hole have the same size, so that one in a line that is no data shows in `framing`."""
    return str(10 ** (7 + number % 2) + 1_001 * number + 7) if is_number else f"\ue000{'x' * number}\ue001"
