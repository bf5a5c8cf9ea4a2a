"""The loop of the truth server: one thread, one heap of due times, and nothing else that could be late."""

import gc
import heapq
import os
import selectors
import socket
import ssl
import time

from pipeline.collect.truth.answers import Answers
from pipeline.collect.truth.asking import Asked, AskedWronglyError
from pipeline.collect.truth.connection import BLOCKED, HAS_KERNEL_STAMPS, SO_TIMESTAMPNS, Connection
from pipeline.collect.truth.log import OpenLog

SPIN_NS = 1_200_000
"""Nearer than this to a write the loop spins: selectors wait in whole milliseconds, and wake late."""
TURN = 64
"""Writes in a row before the sockets are looked at."""

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
monotonic_ns = time.monotonic_ns


class Server:
    """Serves until the pipe it ends with closes."""

    def __init__(self, listener: socket.socket, tls: ssl.SSLContext | None, answers: Answers) -> None:
        self.listener, self.tls, self.answers = listener, tls, answers
        self.selector = selectors.DefaultSelector()
        self.heap: list[tuple[int, int, Connection]] = []
        self.logged: dict[int, OpenLog] = {}
        self.serial = 0
        self.is_over = False
        if HAS_KERNEL_STAMPS:  # accepted sockets inherit it, so that even the first request has its stamp
            listener.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        listener.setblocking(False)
        self.selector.register(listener, READ, "listener")

    def end_with(self, descriptor: int) -> None:
        """End when this pipe closes; what is no pipe (a file, /dev/null) never does."""
        try:
            self.selector.register(descriptor, READ, "pipe")
        except PermissionError:
            return

    def run(self) -> None:
        """Serve. The garbage collector is off: nothing here makes cycles."""
        gc.freeze()
        gc.disable()
        heap = self.heap
        while not self.is_over:
            for _ in range(TURN):
                if not heap or heap[0][0] > monotonic_ns():
                    break
                self._write(heap[0][2])
            for key, events in self.selector.select(self._patience_s()):
                self._attend(key, events)
        self.selector.close()

    def _patience_s(self) -> float:
        """How long to wait for the sockets, in whole milliseconds (selectors round up): less than until a write."""
        if not self.heap:
            return 1.0
        gap = self.heap[0][0] - monotonic_ns()
        return 0.0 if gap < SPIN_NS else ((gap - SPIN_NS // 2) // 1_000_000 - 0.5) / 1e3

    def _write(self, connection: Connection) -> None:
        """Let the connection at the head of the heap send; it comes back where its next write is due."""
        heap = self.heap
        if connection.is_closed:
            heapq.heappop(heap)
            return
        try:
            due = connection.write()
        except OSError:
            heapq.heappop(heap)
            self._drop(connection)
            return
        if due >= 0:
            heapq.heapreplace(heap, (due, connection.serial, connection))
            return
        heapq.heappop(heap)
        if due == BLOCKED:
            self.selector.modify(connection.sock, READ | WRITE, connection)
        else:
            self._end(connection)

    def _attend(self, key: selectors.SelectorKey, events: int) -> None:
        connection = key.data
        if connection == "listener":
            self._accept()
        elif connection == "pipe":
            self.is_over = not os.read(key.fd, 4096)
        else:
            if events & WRITE and not connection.is_closed:
                self.selector.modify(connection.sock, READ, connection)
                heapq.heappush(self.heap, (monotonic_ns(), connection.serial, connection))
            if events & READ:
                self._read(connection)

    def _accept(self) -> None:
        try:
            sock, _ = self.listener.accept()
        except BlockingIOError:
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.serial += 1
        self.selector.register(sock, READ, Connection(sock, self.serial, self.tls))

    def _read(self, connection: Connection) -> None:
        try:
            connection.read()
        except BlockingIOError:
            return
        except OSError:  # gone, or no TLS: ssl.SSLError is an OSError too
            self._drop(connection)
            return
        self._answer(connection)

    def _answer(self, connection: Connection) -> None:
        """Begin to answer the next request, if there is one."""
        try:
            asked = connection.asked()
        except AskedWronglyError as error:
            asked, chosen = Asked("", "", {"connection": "close"}), self.answers.refusal(str(error))
        else:
            if asked is None:
                return
            chosen = self.answers.program(asked)
        due = connection.begin(chosen, is_kept_alive=asked.is_kept_alive)
        heapq.heappush(self.heap, (due, connection.serial, connection))
        if asked.method == "POST":
            self.logged[connection.serial] = self.answers.opened(asked, connection, due)

    def _end(self, connection: Connection) -> None:
        """Do what the program says comes after its last write."""
        chosen = connection.program
        if log := self.logged.pop(connection.serial, None):
            log.is_complete = True
        ending = chosen.ending if chosen else "close"
        if ending == "hang":
            return
        if ending == "half_close":
            connection.sock.shutdown(socket.SHUT_WR)
        elif ending == "keep" and connection.is_kept_alive:
            connection.program = None
            self._answer(connection)
        else:
            self._drop(connection, is_reset=ending == "reset")

    def _drop(self, connection: Connection, *, is_reset: bool = False) -> None:
        self.logged.pop(connection.serial, None)
        if not connection.is_closed:
            self.selector.unregister(connection.sock)
            connection.close(is_reset=is_reset)
