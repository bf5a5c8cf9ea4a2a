"""The log of one request: when each of its bytes was handed to the kernel, and which events went with them."""

from array import array
from bisect import bisect_right
from dataclasses import dataclass

import msgspec

from pipeline.collect.truth.program import Program

COLUMNS = 4
"""Columns of the rows that the hot path leaves: number of the write, before_ns, after_ns, bytes sent."""
LIMIT = 1_000_000
"""Writes of one request that are logged; an endless stream goes on without."""


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """What was sent for one request; all times are `time.monotonic_ns()` of the machine.

    `request_ns` is when the request's first byte reached this host (kernel receive stamp where there is one,
    else when it was read), `read_ns` when the server had read it. The lists have one entry a send(): when it
    was due by the script, the times just before and just after it, its bytes on the wire, and the events
    whose last byte was among these.
    """

    id: str
    script: str
    accepted_ns: int
    request_ns: int
    read_ns: int
    is_complete: bool
    due_ns: list[int]
    before_ns: list[int]
    after_ns: list[int]
    bytes: list[int]
    events: list[int]


@dataclass(slots=True)
class OpenLog:
    """A log as the hot path leaves it; it is rendered when somebody asks."""

    script: str
    program: Program
    is_sealed: bool
    accepted_ns: int
    request_ns: int
    read_ns: int
    first_due_ns: int
    start_ns: int
    rows: "array[int]"
    is_complete: bool = False


def rendered(name: str, log: OpenLog) -> Log:
    """Lay the rows out in columns, with what follows from the program."""
    writes = log.rows[0::COLUMNS].tolist()
    sizes = log.rows[3::COLUMNS].tolist()
    return Log(
        id=name,
        script=log.script,
        accepted_ns=log.accepted_ns,
        request_ns=log.request_ns,
        read_ns=log.read_ns,
        is_complete=log.is_complete,
        due_ns=[_due_ns(log, write) for write in writes],
        before_ns=log.rows[1::COLUMNS].tolist(),
        after_ns=log.rows[2::COLUMNS].tolist(),
        bytes=sizes,
        events=events_sent(log.program, writes, sizes, is_sealed=log.is_sealed),
    )


def _due_ns(log: OpenLog, write: int) -> int:
    return log.first_due_ns if write == 0 else log.start_ns + log.program.at(write)


def events_sent(program: Program, writes: list[int], sizes: list[int], *, is_sealed: bool) -> list[int]:
    """How many events each send completed: by their offsets, or, under TLS, all with a write's last send."""
    counts, sent, passed = [], 0, 0
    for row, (write, size) in enumerate(zip(writes, sizes, strict=True)):
        if row == 0 or write != writes[row - 1]:
            sent = passed = 0
        sent += size
        ends = program.ends[min(write, len(program.ends) - 1)]
        is_last = row + 1 == len(writes) or writes[row + 1] != write
        reached = (len(ends) if is_last else 0) if is_sealed else bisect_right(ends, sent)
        counts.append(reached - passed)
        passed = reached
    return counts
