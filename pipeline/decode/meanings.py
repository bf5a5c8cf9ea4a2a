"""What a block of a stream says: decoded as it stands, or once for all blocks that share its skeleton."""

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.decode.delta import Decode, Delta
from pipeline.decode.sse import event_of


class Meaning(NamedTuple):
    """What a block says; `filled` names the columns that hold the block's own value of a hole, by its position."""

    event_type: str
    data_bytes: int
    delta: Delta
    filled: tuple[tuple[str, int], ...] = ()


class Skeleton(NamedTuple):
    """A block with holes: the text before each hole and behind the last, and what kind of value each holds."""

    fixed: tuple[str, ...]
    is_number: tuple[bool, ...]
    is_blank: tuple[bool, ...]

    def block(self, values: Sequence[str]) -> bytes:
        """Put a value into each hole."""
        pairs = zip(self.fixed, [*values, ""], strict=True)
        return "".join(fixed + value for fixed, value in pairs).encode()

    def probes(self, step: int) -> list[str]:
        """A value for each hole that nothing else holds, as JSON writes it; blank holes stay blank."""
        kinds = enumerate(zip(self.is_number, self.is_blank, strict=True))
        return [_probe(hole * 2 + step, is_number=number, is_blank=blank) for hole, (number, blank) in kinds]


def as_it_stands(block: bytes, speak: Decode) -> Meaning | None:
    """Decode one block; None where it is no event."""
    found = event_of(block)
    return Meaning(found.type, len(found.data), speak(found.type, found.data)) if found else None


def shared(skeleton: Skeleton, speak: Decode) -> Meaning | None:
    """Decode a skeleton; None where blocks of it must be decoded one by one, or are no events."""
    first, second = (_probed(skeleton, step, speak) for step in (0, 1))
    if first is None or second is None or first[:2] != second[:2]:
        return None
    filled = _filled(skeleton, first.delta, second.delta)
    return None if filled is None else first._replace(filled=filled)


def _probed(skeleton: Skeleton, step: int, speak: Decode) -> Meaning | None:
    """What the skeleton says with probes in its holes; its size is that of what is around them."""
    probes = skeleton.probes(step)
    found = as_it_stands(skeleton.block(probes), speak)
    return found and found._replace(data_bytes=found.data_bytes - sum(map(len, map(str.encode, probes))))


def _filled(skeleton: Skeleton, first: Delta, second: Delta) -> tuple[tuple[str, int], ...] | None:
    """Which column holds which hole; None where a column holds anything else that depends on one."""
    values = list(zip(skeleton.probes(0), skeleton.probes(1), strict=True))
    filled = []
    for name in Delta.__struct_fields__:
        one, other = getattr(first, name), getattr(second, name)
        if one == other:
            continue
        if (str(one), str(other)) not in values:
            return None
        filled.append((name, values.index((str(one), str(other)))))
    return tuple(filled)


def _probe(number: int, *, is_number: bool, is_blank: bool) -> str:
    if is_blank:
        return "0" if is_number else ""
    return str(10 ** (5 + number) + 7) if is_number else f"\ue000{'x' * number}\ue001"
