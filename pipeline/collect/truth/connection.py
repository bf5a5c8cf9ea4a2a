"""One client of the truth server: a raw non-blocking socket that follows a program, perhaps through TLS."""

import socket
import ssl
import struct
import sys
import time
from array import array
from typing import Final

from pipeline.collect.truth import asking
from pipeline.collect.truth.log import LIMIT
from pipeline.collect.truth.program import Program

BLOCKED: Final = -1
OVER: Final = -2

SO_TIMESTAMPNS: Final = 35
"""Linux on all machines that Python wheels exist for; the socket module does not name it."""
HAS_KERNEL_STAMPS = sys.platform == "linux"

_GOLDEN_RATIO = 0.618033988749895

monotonic_ns = time.monotonic_ns


class Connection:
    """State of one socket. The columns of the program and of the log lie flat here for the hot path."""

    __slots__ = (
        "accepted_ns",
        "at_ns",
        "data",
        "inbox",
        "is_closed",
        "is_kept_alive",
        "last",
        "program",
        "read_ns",
        "request_ns",
        "rest",
        "rows",
        "seal",
        "send",
        "serial",
        "sock",
        "start_ns",
        "writes",
    )

    def __init__(self, sock: socket.socket, serial: int, tls: ssl.SSLContext | None) -> None:
        self.accepted_ns = monotonic_ns()
        self.sock, self.serial = sock, serial
        self.send = sock.send
        self.seal = None if tls is None else Seal(tls)
        self.inbox = bytearray()
        self.request_ns = self.read_ns = 0
        self.is_closed, self.is_kept_alive = False, True
        self.program: Program | None = None
        self.rest: bytes | memoryview | None = None

    def begin(self, program: Program, *, is_kept_alive: bool) -> int:
        """Start to follow a program; returns when its first write is due.

        Scripts without a rate count from the request itself. With a rate, the head goes at once and the
        ticks lie where the rate's clock has them.
        """
        now = monotonic_ns()
        self.program, self.is_kept_alive = program, is_kept_alive
        self.at_ns, self.data, self.last = program.at_ns, program.data, len(program.data) - 1
        self.rows: array[int] = array("q")
        self.writes = 0
        if program.interval_ns:
            self.start_ns = now + (self._phase_ns(program) - now - program.at_ns[1]) % program.interval_ns
            return now
        self.start_ns = self.request_ns
        return self.start_ns + (program.at_ns[0] if program.at_ns else 0)

    def _phase_ns(self, program: Program) -> int:
        """Where in the interval this stream's ticks lie; golden-ratio steps spread any number evenly."""
        return 0 if program.is_aligned else round(self.serial * _GOLDEN_RATIO % 1 * program.interval_ns)

    def write(self) -> int:
        """Send what is due; return when the next write is (ns), or BLOCKED, or OVER.

        Everything between the two stamps is the send itself; encryption lies before them.
        """
        writes = self.writes
        piece = self.rest
        if piece is None:
            if self.last < 0:
                return OVER
            piece = self.data[writes] if writes < self.last else self.data[self.last]
            if self.seal is not None:
                piece = self.seal.closed(piece)
        before = monotonic_ns()
        try:
            sent = self.send(piece)
        except BlockingIOError:
            self.rest = piece
            return BLOCKED
        after = monotonic_ns()
        if writes < LIMIT:
            self.rows.extend((writes, before, after, sent))
        if sent != len(piece):
            self.rest = memoryview(piece)[sent:]
            return BLOCKED
        self.rest = None
        self.writes = writes = writes + 1
        if writes > self.last and not self._repeats():
            return OVER
        due = self.start_ns + (self.at_ns[writes] if writes <= self.last else self.following.at(writes))
        return max(after, due)

    @property
    def following(self) -> Program:
        """The program in progress."""
        if self.program is None:
            raise AssertionError("no program in progress")
        return self.program

    def _repeats(self) -> bool:
        return self.following.ending == "repeat"

    def read(self) -> None:
        """Take what came into the inbox. Raises OSError when the client is gone."""
        data, stamp, now = self._receive()
        if not data:
            raise ConnectionResetError
        if self.seal is not None:
            data = self.seal.opened(data)
            if reply := self.seal.pending():
                self.sock.settimeout(1.0)  # a handshake fits any socket's buffer
                self.sock.sendall(reply)
                self.sock.setblocking(False)
        if data and not self.inbox:
            self.request_ns, self.read_ns = stamp, now
        self.inbox += data

    def asked(self) -> asking.Asked | None:
        """The next request, once it is whole and the one before it is over."""
        return None if self.program else asking.take(self.inbox)

    def _receive(self) -> tuple[bytes, int, int]:
        """Bytes, when the kernel got them, and when we did."""
        if not HAS_KERNEL_STAMPS:
            data = self.sock.recv(65536)
            now = monotonic_ns()
            return data, now, now
        data, ancillary, _, _ = self.sock.recvmsg(65536, 64)
        now = monotonic_ns()
        for level, kind, content in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
                seconds, nanoseconds = struct.unpack("@ll", content)
                age = time.time_ns() - (seconds * 1_000_000_000 + nanoseconds)
                return data, min(now, monotonic_ns() - age), now
        return data, now, now

    def close(self, *, is_reset: bool = False) -> None:
        """Close; with a reset instead of a FIN where asked."""
        self.is_closed, self.program = True, None
        if is_reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Seal:
    """TLS between memory buffers, so that sockets stay raw and encryption stays outside of the stamps."""

    __slots__ = ("incoming", "is_open", "outgoing", "tls")

    def __init__(self, context: ssl.SSLContext) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.is_open = False

    def opened(self, data: bytes) -> bytes:
        """Decrypt what came; shakes hands first."""
        self.incoming.write(data)
        pieces = []
        try:
            if not self.is_open:
                self.tls.do_handshake()
                self.is_open = True
            while piece := self.tls.read(65536):
                pieces.append(piece)
        except ssl.SSLWantReadError:
            pass
        return b"".join(pieces)

    def closed(self, data: bytes) -> bytes:
        """Encrypt what shall go."""
        self.tls.write(data)
        return self.outgoing.read()

    def pending(self) -> bytes:
        """Handshake bytes that want to go."""
        return self.outgoing.read()
