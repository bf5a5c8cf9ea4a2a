"""When a request left: the kernel's stamp of the packet that carried its first bytes.

Asked for one send at a time (`SO_TIMESTAMPING` as a control message); the stamp comes through the socket's error
queue, which is read at once: libuv stops to watch a socket whose error queue has something in it.
"""

import socket
import struct
import sys
import time

from pipeline.collect.transport.clock import SO_TIMESTAMPNS, Ancillary, WallClock
from pipeline.collect.transport.recording import Recording

_SO_TIMESTAMPING = 37  # Linux'; the socket module does not name it
_TX_SOFTWARE = struct.pack("I", 1 << 1)
_ONLY_THE_STAMP = 1 << 11
_ASKING = [(socket.SOL_SOCKET, _SO_TIMESTAMPING, _TX_SOFTWARE)]
_STAMP_BYTES = 256

FIRST_BYTES = 1024
"""Fewer than any path's packet: the stamp is of the packet with the last byte of a send, and we want the first."""


def enable(connection: socket.socket) -> bool:
    """Let sends of a socket that has receive stamps be stamped; False where the platform does not."""
    if sys.platform != "linux":
        return False
    try:
        connection.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPING, _ONLY_THE_STAMP)
    except OSError:
        return False
    return True


def send(connection: socket.socket, message: bytes) -> int:
    """Send like `socket.send`, the first bytes with a stamp."""
    first = message[:FIRST_BYTES]
    if len(first) == len(message):
        return connection.sendmsg([first], _ASKING)
    sent = connection.sendmsg([first], _ASKING, socket.MSG_MORE)
    try:
        return sent + connection.send(message[sent:])
    except (BlockingIOError, InterruptedError):
        return sent


def note(connection: socket.socket, wall: WallClock, recording: Recording) -> bool:
    """Take a request's stamp if it is there by now, which lies between our own and now; False while it is not."""
    asked_ns = recording.sent_ns or 0
    while (ancillary := _next(connection)) is not None:
        stamp = wall.stamp(ancillary, time.monotonic_ns())
        if stamp is None:  # the wall clock was set
            return True
        if stamp >= asked_ns - wall.error_ns:  # else of an earlier request
            recording.sent_ns, recording.is_sent_stamped = max(stamp, asked_ns), True
            return True
    return False


def drain(connection: socket.socket) -> bool:
    """Empty the error queue; whether there was a stamp in it."""
    found = False
    while _next(connection) is not None:
        found = True
    return found


def _next(connection: socket.socket) -> Ancillary | None:
    """The next stamp in the error queue, as a read would bring it; None while there is none."""
    try:
        _, ancillary, _, _ = connection.recvmsg(1, _STAMP_BYTES, socket.MSG_ERRQUEUE)
    except OSError:  # empty; what else is wrong with the socket, the next read says
        return None
    return [one for one in ancillary if one[:2] == (socket.SOL_SOCKET, SO_TIMESTAMPNS)]
