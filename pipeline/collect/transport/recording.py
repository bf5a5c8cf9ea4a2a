"""What the socket saw of one request: stamps, bytes, and how the response ended."""

from array import array
from dataclasses import dataclass, field

BODY_LIMIT = 64 * 2**20
HEAD_LIMIT = 256 * 2**10


def _stamps() -> "array[int]":
    return array("q")


@dataclass(slots=True)
class Recording:
    """What the socket saw of one request. Times are nanoseconds of the monotonic clock.

    `stamps_ns` holds the best stamp of each read: the kernel's, mapped to the monotonic clock, where it gave
    one, else `user_ns`, taken in this process right after the read returned.
    """

    connect_started_ns: int | None = None
    dns_ns: int | None = None
    tcp_ns: int | None = None
    tls_ns: int | None = None
    is_connection_reused: bool | None = None
    sent_ns: int | None = None
    stamps_ns: "array[int]" = field(default_factory=_stamps)
    user_ns: "array[int]" = field(default_factory=_stamps)
    wire_bytes: "array[int]" = field(default_factory=_stamps)
    payloads: list[bytes] = field(default_factory=list)
    kernel_stamps: int = 0
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
        self.kernel_stamps = 0

    @property
    def clock_source(self) -> str:
        """What stamped the reads: `kernel`, `user`, or `mixed` where the kernel left some out."""
        if self.kernel_stamps == 0:
            return "user"
        return "kernel" if self.kernel_stamps == len(self.stamps_ns) else "mixed"
