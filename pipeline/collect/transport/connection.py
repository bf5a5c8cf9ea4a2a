"""One socket and the request on it. On every read: stamp first, store second, take apart third."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from time import monotonic_ns

import httptools

from pipeline.collect.transport import clock, departure
from pipeline.collect.transport.clock import ANCILLARY_BYTES, WallClock
from pipeline.collect.transport.framing import Response
from pipeline.collect.transport.recording import SEGMENT_READS, Recording
from pipeline.collect.transport.tls import Tls, are_whole_records

READ_BYTES = 64 * 2**10
LOOK_EVERY_S = 0.25
"""Distance of the looks at a socket that says nothing (`Connection._look`)."""


class Connection:
    """A connected, non-blocking socket that carries one request at a time.

    The task that waits for a response is woken once, when it is over, never once a read.
    """

    def __init__(self, connected: socket.socket, wall: WallClock, tls: Tls | None = None) -> None:
        self.is_closed = False
        self._socket = connected
        self._receive = connected.recvmsg
        self._wall = wall
        self._tls = tls
        self._response: Response | None = None
        self._over: asyncio.Future[None] | None = None
        self._look_next: asyncio.TimerHandle | None = None
        self._unsent = b""
        self._is_reading = self._is_writing = False
        self._loop = asyncio.get_running_loop()
        self._stamps_sends = clock.enable(connected) and departure.enable(connected)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def is_quiet(self) -> bool:
        """Whether an idle connection is as the last response left it; one that says or ends something is closed."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            pass
        self.close()
        return False

    def send(self, recording: Recording, message: bytes) -> "asyncio.Future[None]":
        """Write a request; the future is done when its response is over, however it ended."""
        self._response = Response(recording)
        self._over = over = self._loop.create_future()
        self._unsent = self._tls.encrypt(message) if self._tls else message
        if not self._is_reading:
            self._read_with(self._on_readable)
        if self._look_next is None:
            self._look_next = self._loop.call_later(LOOK_EVERY_S, self._look)
        recording.sent_ns = monotonic_ns()
        if self._stamps_sends:
            self._write(departure.send)
            if not departure.note(self._socket, self._wall, recording):
                self._read_with(self._on_departure)
        else:
            self._write()
        return over

    def _on_departure(self) -> None:
        """The request went later than it was written, or its answer is here: libuv watches this socket no more."""
        response = self._response
        has_departed = response is None or departure.note(self._socket, self._wall, response.recording)
        self._loop.call_soon(self._read_with, self._on_readable if has_departed else self._on_departure)
        self._on_readable()

    def _read_with(self, reader: Callable[[], None]) -> None:
        if not self.is_closed:
            self._loop.remove_reader(self._socket)
            self._loop.add_reader(self._socket, reader)
            self._is_reading = True

    def _watch_again(self) -> None:
        """Behind this callback: libuv has stopped to watch a socket whose error queue had something in it.

        A send can be stamped twice, the second time behind its answer. Without this the rest of that response
        is read when `_look` comes by, a quarter of a second late.
        """
        departure.drain(self._socket)
        self._loop.call_soon(self._read_with, self._on_readable)

    def _look(self) -> None:
        """Read unasked: libuv says nothing more of a socket whose reset came together with its last bytes.

        Also see whether there are many reads: none of them should have to count.
        """
        self._look_next = None
        if self._response is not None:
            self._look_next = self._loop.call_later(LOOK_EVERY_S, self._look)
            self._on_readable()
        if self._response is not None and len(self._response.recording.stamps_ns) > SEGMENT_READS:
            self._spool(self._response)

    def _write(self, send: Callable[[socket.socket, bytes], int] = socket.socket.send) -> None:
        """Write what the socket takes now, and come back for the rest."""
        try:
            sent = send(self._socket, self._unsent)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._unsent = b""
            self._wait_to_write(False)
            self._lost(f"cannot send: {error}")
            return
        self._unsent = self._unsent[sent:]
        self._wait_to_write(bool(self._unsent))

    def _wait_to_write(self, is_wanted: bool) -> None:
        if is_wanted and not self._is_writing:
            self._loop.add_writer(self._socket, self._write)
        elif self._is_writing and not is_wanted:
            self._loop.remove_writer(self._socket)
        self._is_writing = is_wanted

    def _on_readable(self) -> None:
        try:
            data, ancillary, _, _ = self._receive(READ_BYTES, ANCILLARY_BYTES)
            user_ns = monotonic_ns()
        except (BlockingIOError, InterruptedError):  # called for something else than bytes
            if self._stamps_sends and self._response is not None:
                self._watch_again()
            return
        except OSError as error:
            self._lost(f"connection lost: {error}")
            return
        response = self._response
        if not data:
            self._lost("the server closed the connection before the response was complete")
        elif response is None:  # bytes nobody asked for: this connection can no longer be trusted
            self.close()
        else:
            recording = response.recording
            if not recording.stamps_ns and self._stamps_sends and departure.drain(self._socket):
                self._watch_again()
            stamp = self._wall.stamp(ancillary, user_ns)
            if stamp is None:
                stamp = user_ns
                recording.user_stamps += 1
            recording.stamps_ns.append(stamp)
            recording.user_ns.append(user_ns)
            recording.wire_bytes.append(len(data))
            if self._tls is not None:
                self._take_sealed(response, self._tls, data)
            else:
                self._take_apart(response, data)

    def _take_sealed(self, response: Response, tls: Tls, read: bytes) -> None:
        """Take what a read held behind its encryption."""
        try:
            data, is_closed, answer = tls.decrypt(read)
        except ssl.SSLError as error:
            response.keep(read)
            self._finish("bad_framing", f"not TLS as agreed: {error}")
            return
        if answer:
            self._unsent += answer
            self._write()
        if not (data or is_closed or response.recording.payloads) and are_whole_records(read):
            response.recording.forget_reads()  # session tickets: of the handshake, not of the response
            return
        self._take_apart(response, data)
        if is_closed and self._response is response:
            self._lost("the server closed the TLS connection before the response was complete")

    def _take_apart(self, response: Response, data: bytes) -> None:
        """Take the framing off a read, and see whether it was the last, or one of many."""
        try:
            is_edge = response.feed(data)
        except httptools.HttpParserError as error:
            response.keep(response.broken(data))
            self._finish("bad_framing", f"not HTTP/1.1 as announced: {error}")
            return
        except httptools.HttpParserUpgrade:
            response.keep(response.broken(data))
            self._finish("bad_framing", "the server switched to another protocol, for which nobody asked")
            return
        if is_edge:
            if response.is_over:
                self._finish("ended")
            elif excess := response.excess:
                self._finish("over_limit", excess)
            else:
                self._spool(response)

    def _spool(self, response: Response) -> None:
        """Have the reads of a long response taken."""
        spool = response.recording.spool
        if spool is not None and not spool():
            self._finish("cancelled", "given up by us: what was read could not be kept")

    def _lost(self, why: str) -> None:
        """The peer is gone: that ends a body without a length, and breaks off any other."""
        response = self._response
        if response is None:
            self.close()
        elif response.has_headers and not response.is_sized:
            self._finish("ended")
        else:
            self._finish("broken_off", why)

    def give_up(self) -> None:
        """Stop waiting for the response in flight; the connection is of no more use."""
        self._finish("cancelled", "given up by us")

    def _finish(self, outcome: str, error: str | None = None) -> None:
        """Close the books of the request in flight."""
        response, over = self._response, self._over
        if response is None or over is None:
            return
        recording = response.recording
        recording.outcome, recording.error = outcome, error
        is_complete = outcome == "ended" and len(recording.stamps_ns) > 0
        recording.end_ns = recording.stamps_ns[-1] if is_complete else monotonic_ns()
        self._response = self._over = None
        response.let_go()
        if outcome != "ended" or not response.keeps_alive or self._unsent:
            self.close()
        if not over.done():
            over.set_result(None)

    def close(self) -> None:
        """Drop the connection at once."""
        if not self.is_closed:
            self.is_closed = True
            if self._look_next is not None:
                self._look_next.cancel()
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()
