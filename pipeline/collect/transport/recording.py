"""What the socket saw of one request: stamps, bytes, and how the response ended."""

from array import array
from collections.abc import Callable, MutableSequence
from dataclasses import dataclass, field
from functools import partial

BODY_LIMIT = 64 * 2**20
HEAD_LIMIT = 256 * 2**10
SEGMENT_BYTES = 2**20
SEGMENT_READS = 4096
"""A recording that is spooled holds about so much of a body, and about so many reads, before they are taken."""

Columns = tuple[MutableSequence[int], MutableSequence[int], MutableSequence[int], list[bytes]]
"""Some reads: stamps, stamps of our own, bytes on the wire, payloads."""

_numbers = partial(array, "q")  # an append takes 0.02 µs more than a list's, a number 8 bytes instead of 40


@dataclass(slots=True)
class Recording:
    """What the socket saw of one request. Times are nanoseconds of the monotonic clock.

    `stamps_ns` holds the best stamp of each read: the kernel's, mapped to the monotonic clock, where it gave
    one, else `user_ns`, taken in this process right after the read returned; `user_stamps` counts the latter.
    `sent_ns` is the kernel's stamp of the packet with the request's first bytes where `is_sent_stamped`, else our
    own from before the write.

    A body is cut off behind `body_limit` bytes. Where there is a `spool`, it is called when there is much to take
    (`take`), and says whether the response is still wanted; `reads_taken` are no longer here.
    """

    connect_started_ns: int | None = None
    dns_ns: int | None = None
    tcp_ns: int | None = None
    tls_ns: int | None = None
    is_connection_reused: bool | None = None
    sent_ns: int | None = None
    is_sent_stamped: bool = False
    stamps_ns: MutableSequence[int] = field(default_factory=_numbers)
    user_ns: MutableSequence[int] = field(default_factory=_numbers)
    wire_bytes: MutableSequence[int] = field(default_factory=_numbers)
    payloads: list[bytes] = field(default_factory=list)
    user_stamps: int = 0
    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    head_bytes: int = 0
    body_bytes: int = 0
    end_ns: int | None = None
    outcome: str = "cancelled"
    error: str | None = None
    body_limit: int = BODY_LIMIT
    spool: Callable[[], bool] | None = None
    reads_taken: int = 0
    look_at_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        self.look_at_bytes = self.body_limit

    def spool_by(self, spool: Callable[[], bool]) -> None:
        """Have reads taken while the response goes on."""
        self.spool, self.look_at_bytes = spool, min(SEGMENT_BYTES, self.body_limit)

    @property
    def read_count(self) -> int:
        """All reads, those taken among them."""
        return self.reads_taken + len(self.stamps_ns)

    def take(self, leave_bytes: int) -> Columns:
        """Hand over all reads but the last ones, which hold at least so many bytes; one is always left."""
        left = held = 0
        while left < len(self.payloads) and (not left or held < leave_bytes):
            left += 1
            held += len(self.payloads[-left])
        count = len(self.payloads) - left
        taken = self.stamps_ns[:count], self.user_ns[:count], self.wire_bytes[:count], self.payloads[:count]
        for column in (self.stamps_ns, self.user_ns, self.wire_bytes, self.payloads):
            del column[:count]
        self.reads_taken += count
        self.look_at_bytes = min(self.body_bytes + SEGMENT_BYTES, self.body_limit)
        return taken

    def forget_reads(self) -> None:
        """Drop the reads so far: they held nothing of the response."""
        for column in (self.stamps_ns, self.user_ns, self.wire_bytes):
            del column[:]
        self.user_stamps = 0

    @property
    def clock_source(self) -> str:
        """What stamped the reads: `kernel`, `user`, or `mixed` where the kernel left some out."""
        if self.user_stamps == self.read_count:
            return "user"
        return "mixed" if self.user_stamps else "kernel"
