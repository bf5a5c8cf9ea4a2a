"""Kernel receive stamps, mapped to the monotonic clock.

The kernel stamps a packet with the wall clock. Wall and monotonic clock are slewed alike, so their offset is
constant until somebody sets the wall clock: it is sampled with a stated error, and again often enough that a
step is seen and counted.
"""

import socket
import struct
import sys
import time
from dataclasses import dataclass

# Linux' SO_TIMESTAMPNS; the socket module does not name it. Its control message has the same number.
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("qq")
_timespec = _TIMESPEC.unpack
ANCILLARY_BYTES = socket.CMSG_SPACE(_TIMESPEC.size) if hasattr(socket, "CMSG_SPACE") else 0

SAMPLES = 32
SAMPLE_EVERY_NS = 500_000_000
STEP_NS = 20_000

Ancillary = list[tuple[int, int, bytes]]


def enable(connection: socket.socket) -> bool:
    """Ask the kernel for receive stamps on a socket; False where the platform has none."""
    if sys.platform != "linux" or sys.maxsize < 2**32:  # elsewhere the option has another number, or another form
        return False
    try:
        connection.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    except OSError:
        return False
    return True


def keeping() -> socket.socket:
    """A socket to hold open: while none asks, the kernel stamps nothing, and begins a moment after one does."""
    asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    enable(asking)
    return asking


@dataclass(slots=True)
class WallClock:
    """Where the wall clock stands against the monotonic one: wall - monotonic, in ns, ± `error_ns`."""

    offset_ns: int = 0
    error_ns: int = 0
    sample_next_ns: int = 0
    steps: int = 0

    def __post_init__(self) -> None:
        self.offset_ns, self.error_ns, at = _sample()
        self.sample_next_ns = at + SAMPLE_EVERY_NS

    def check(self) -> None:
        """Sample again; a jump beyond the error of both samples is a step of the wall clock."""
        offset, error, at = _sample()
        if abs(offset - self.offset_ns) > STEP_NS + error + self.error_ns:
            self.steps += 1
            self.offset_ns, self.error_ns = offset, error
        elif error < self.error_ns:
            self.offset_ns, self.error_ns = offset, error
        self.sample_next_ns = at + SAMPLE_EVERY_NS

    def stamp(self, ancillary: Ancillary, user_ns: int) -> int | None:
        """The kernel's stamp of a read on the monotonic clock, or None where it gave none.

        A stamp after the read returned cannot be: the wall clock was set, and the offset is sampled anew.
        """
        if user_ns > self.sample_next_ns:
            self.check()
        if not ancillary:  # else it holds one message: nothing but this stamp was asked for
            return None
        seconds, nanoseconds = _timespec(ancillary[0][2])
        stamp: int = seconds * 1_000_000_000 + nanoseconds - self.offset_ns
        if stamp <= user_ns:
            return stamp
        if stamp <= user_ns + self.error_ns:
            return user_ns
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
