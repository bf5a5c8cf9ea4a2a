"""The reads of a request, or of a part of it, as they are kept."""

from collections.abc import MutableSequence

import msgspec
import numpy as np

from pipeline.collect.transport.recording import Columns


class Reads(msgspec.Struct, frozen=True, array_like=True):
    """Reads as columns (of int64): an object a read would weigh more than most payloads."""

    at_ns: bytes
    user_ns: bytes
    wire_bytes: bytes
    payloads: list[bytes]


def packed(columns: Columns, origin_ns: int) -> Reads:
    """The same with stamps from an origin on. The numbers given, up to five times their size, are let go of."""
    stamps_ns, user_ns, wire_bytes, payloads = columns
    return Reads(_int64(stamps_ns, origin_ns), _int64(user_ns, origin_ns), _int64(wire_bytes, 0), payloads)


def _int64(numbers: MutableSequence[int], origin: int) -> bytes:
    found = np.array(numbers, np.int64) - origin
    del numbers[:]
    return found.tobytes()
