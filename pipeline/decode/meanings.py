"""What an event of a stream says: decoded as it stands, or once for all events that share a skeleton.

A skeleton is an event's text with holes where the values of some keys stood, `Slots` that the dialect names:
strings or whole numbers, none empty or zero. A plain value (a well-formed string up to its closing quote, a
number that fits a column) never changes how the JSON around it is read, so events of one skeleton say the
same but for those values. The dialect decodes the skeleton twice, with different probes in its holes: a column
in which a probe comes out whole is filled from that hole, event by event; where anything else differs, the
skeleton is no use and its events are decoded one by one.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from msgspec.structs import astuple

from pipeline.decode.delta import Decode, Delta, Slots
from pipeline.decode.sse import event_of

_ESCAPE = (
    r'\\["\\/bfnrt]|\\u[0-9a-ce-fA-CE-F][0-9a-fA-F]{3}|\\u[dD][0-7][0-9a-fA-F]{2}'
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
STRING = rf'(?:[^"\\\x00-\x1f]|{_ESCAPE})+'
"""A JSON string that is not empty, without its quotes, as a regular expression for Python and polars alike."""

NUMBER = r"[1-9][0-9]{0,14}"
"""A whole number in JSON, not zero, that every column of integers can hold."""

MAX_HOLES = 4


class Meaning(NamedTuple):
    """What an event says; `filled` pairs columns that hold the event's own values with the holes these are from."""

    event_type: str
    data_bytes: int
    delta: Delta
    filled: tuple[tuple[str, int], ...] = ()


class Skeleton(NamedTuple):
    """A block with holes: the text before each hole and behind the last, and whether a hole takes a number."""

    fixed: tuple[str, ...]
    is_number: tuple[bool, ...]

    def block(self, values: Sequence[str]) -> bytes:
        """Put a value into each hole."""
        parts = [part + value for part, value in zip(self.fixed, values, strict=False)]
        return "".join([*parts, self.fixed[-1]]).encode()


def as_it_stands(block: bytes, speak: Decode) -> Meaning | None:
    """Decode one block, the text between two blank lines; None where it is no event."""
    found = event_of(block)
    return Meaning(found.type, len(found.data), speak(found.type, found.data)) if found else None


def skeleton_of(block: str, slots: Slots) -> Skeleton | None:
    """Cut holes where values of `slots` stand; None where there are none."""
    fixed: list[str] = []
    kinds: list[bool] = []
    start = 0
    for found in _values(slots).finditer(block):
        if len(kinds) < MAX_HOLES:
            is_number = found["number"] is not None
            fixed.append(block[start : found.start("number" if is_number else "text")])
            kinds.append(is_number)
            start = found.end("number" if is_number else "text")
    return Skeleton((*fixed, block[start:]), tuple(kinds)) if kinds else None


@cache
def _values(slots: Slots) -> re.Pattern[str]:
    """Matches the value of a slot behind its key, with or without a blank behind the colon."""
    texts, numbers = ("|".join(keys) or "(?!)" for keys in slots)
    return re.compile(
        rf'"(?:{texts})": ?"(?P<text>{STRING})(?=")|"(?:{numbers})": ?(?P<number>{NUMBER})(?=[,}}\]])'
    )


def shared(skeleton: Skeleton, speak: Decode) -> Meaning | None:
    """What all events of a skeleton say; its size is that of what stands around the holes. None: decode each."""
    probes, pairs, size = _probes(skeleton.is_number)
    first, second = (as_it_stands(skeleton.block(values), speak) for values in probes)
    if first is None or second is None or first.event_type != second.event_type:
        return None
    filled = []
    for name, one, other in zip(Delta.__struct_fields__, astuple(first.delta), astuple(second.delta), strict=True):
        if one != other:
            hole = pairs.get((str(one), str(other)))
            if hole is None:
                return None
            filled.append((name, hole))
    return first._replace(data_bytes=first.data_bytes - size, filled=tuple(filled))


@cache
def _probes(is_number: tuple[bool, ...]) -> tuple[list[list[str]], dict[tuple[str, str], int], int]:
    """Two values for each hole, as JSON writes them, that nothing else holds; the hole of each pair; bytes."""
    probes = [[_probe(hole * 2 + step, is_number=kind) for hole, kind in enumerate(is_number)] for step in (0, 1)]
    pairs = {pair: hole for hole, pair in enumerate(zip(*probes, strict=True))}
    return probes, pairs, sum(len(probe.encode()) for probe in probes[0])


def _probe(number: int, *, is_number: bool) -> str:
    return str(10 ** (5 + number) + 7) if is_number else f"\ue000{'x' * number}\ue001"
