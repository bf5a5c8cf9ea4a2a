"""What the socket saw of one request: stamps, bytes, and how the response ended."""

from array import array
from collections.abc import MutableSequence
from dataclasses import dataclass, field

BODY_LIMIT = 64 * 2**20
HEAD_LIMIT = 256 * 2**10


@dataclass(slots=True)
class Recording:
    """What the socket saw of one request. Times are nanoseconds of the monotonic clock.

    `stamps_ns` holds the best stamp of each read: the kernel's, mapped to the monotonic clock, where it gave
    one, else `user_ns`, taken in this process right after the read returned; `user_stamps` counts the latter.
    """

    connect_started_ns: int | None = None
    dns_ns: int | None = None
    tcp_ns: int | None = None
    tls_ns: int | None = None
    is_connection_reused: bool | None = None
    sent_ns: int | None = None
    stamps_ns: MutableSequence[int] = field(default_factory=list)
    user_ns: MutableSequence[int] = field(default_factory=list)
    wire_bytes: MutableSequence[int] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    user_stamps: int = 0
    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    head_bytes: int = 0
    body_bytes: int = 0
    end_ns: int | None = None
    outcome: str = "cancelled"
    error: str | None = None

    def forget_reads(self) -> None:
        """Drop the reads so far: they held nothing of the response."""
        for column in (self.stamps_ns, self.user_ns, self.wire_bytes):
            del column[:]
        self.user_stamps = 0

    def pack(self) -> None:
        """Turn the columns of numbers into arrays once they are whole: lists take less time, arrays less room."""
        self.stamps_ns, self.user_ns = array("q", self.stamps_ns), array("q", self.user_ns)
        self.wire_bytes = array("q", self.wire_bytes)

    @property
    def clock_source(self) -> str:
        """What stamped the reads: `kernel`, `user`, or `mixed` where the kernel left some out."""
        if self.user_stamps == len(self.stamps_ns):
            return "user"
        return "mixed" if self.user_stamps else "kernel"
