"""Kernel receive stamps, mapped to the monotonic clock.

The kernel stamps a packet with the wall clock. Wall and monotonic clock are slewed alike, so their offset is
constant until somebody sets the wall clock: it is sampled with a stated error, and again often enough that a
step is seen and counted.
"""

import socket
import struct
import time
from dataclasses import dataclass

# Linux' SO_TIMESTAMPNS; the socket module does not name it. Its control message has the same number.
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("qq")
ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size) if hasattr(socket, "CMSG_SPACE") else 0

SAMPLES = 32
SAMPLE_EVERY_NS = 500_000_000
STEP_NS = 20_000

Ancillary = list[tuple[int, int, bytes]]


def enable(connection: socket.socket) -> bool:
    """Ask the kernel for receive stamps on a socket; False where the platform has none."""
    if not ANCILLARY_BYTES or not hasattr(socket, "SO_PEERCRED"):  # the latter: only Linux numbers options so
        return False
    try:
        connection.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    except OSError:
        return False
    return True


@dataclass(slots=True)
class WallClock:
    """Where the wall clock stands against the monotonic one: wall - monotonic, in ns, ± `error_ns`."""

    offset_ns: int = 0
    error_ns: int = 0
    sampled_ns: int = 0
    steps: int = 0

    def __post_init__(self) -> None:
        self.offset_ns, self.error_ns, self.sampled_ns = _sample()

    def check(self) -> None:
        """Sample again; a jump beyond the error of both samples is a step of the wall clock."""
        offset, error, at = _sample()
        if abs(offset - self.offset_ns) > STEP_NS + error + self.error_ns:
            self.steps += 1
            self.offset_ns, self.error_ns = offset, error
        elif error < self.error_ns:
            self.offset_ns, self.error_ns = offset, error
        self.sampled_ns = at

    def stamp(self, ancillary: Ancillary, user_ns: int) -> int | None:
        """The kernel's stamp of a read on the monotonic clock, or None where it gave none.

        A stamp after the read returned cannot be: the wall clock was set, and the offset is sampled anew.
        """
        if user_ns - self.sampled_ns > SAMPLE_EVERY_NS:
            self.check()
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(data) >= _TIMESPEC.size:
                seconds, nanoseconds = _TIMESPEC.unpack_from(data)
                stamp: int = seconds * 1_000_000_000 + nanoseconds - self.offset_ns
                if stamp <= user_ns + self.error_ns:
                    return min(stamp, user_ns)
                self.check()
        return None


def _sample() -> tuple[int, int, int]:
    """Offset, its error and the time of sampling: the reading with the least time around it is best."""
    best: tuple[int, int, int] | None = None
    for _ in range(SAMPLES):
        before = time.monotonic_ns()
        wall = time.time_ns()
        after = time.monotonic_ns()
        error = (after - before + 1) // 2
        if best is None or error < best[1]:
            best = wall - (before + after) // 2, error, after
    assert best is not None  # noqa: S101 - SAMPLES is positive
    return best
