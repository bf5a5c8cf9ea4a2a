"""What a read and a request cost our client, beside the bare protocol: in one process, in CPU time, by turns.

`python -m bench.collector.cost`. The other ends of all connections are sockets that this process writes itself,
outside of the time that counts, so that no other process and no pace has a part in the figure: every stream has
one read ready, the loop takes them all, and again, as a batching engine has it. Whoever else runs on the machine
still takes its caches: figures of one run may be compared, those of two may not. While our transport is open, the
garbage collector is eased for both.
"""

import argparse
import asyncio
import gc
import socket
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median
from types import ModuleType

import uvloop

from bench.collector.clients import bare, ours
from bench.collector.clients._job import Job, Take, Taken
from bench.collector.report import number, table
from pipeline.errors import TokenclockError

CLIENTS: dict[str, ModuleType] = {"ours": ours, "bare": bare}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = (
    b'data: {"id":"truth","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":" a"}}]}\n\n'
)
CHUNK = b"%x\r\n%s\r\n" % (len(EVENT), EVENT)
END = b"0\r\n\r\n"
PATIENCE_S = 10


class NotReadError(TokenclockError):
    """A client took other reads than it was sent, so that its cost says nothing."""


@dataclass(frozen=True)
class Cost:
    """CPU time in µs: of a request with its head and its end, and of a read between these."""

    request_us: float
    read_us: float


class Server:
    """The other end of every connection, written by hand."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._listening.setblocking(False)
        self._ends: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/v1/chat/completions"

    async def expect(self, streams: int) -> None:
        """Wait for so many connections, and for the request on each."""
        while len(self._ends) < streams:
            try:
                end, _ = self._listening.accept()
            except BlockingIOError:
                await asyncio.sleep(0.001)
                continue
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            end.setblocking(False)
            self._ends.append(end)
        waiting = list(self._ends)
        while waiting:
            try:
                waiting[-1].recv(65536)
                waiting.pop()
            except BlockingIOError:
                await asyncio.sleep(0.001)

    def write(self, data: bytes) -> None:
        """The same to all."""
        for end in self._ends:
            end.send(data)

    def close(self) -> None:
        """Hang up."""
        for one in (self._listening, *self._ends):
            one.close()


async def wave(take: Take, server: Server, streams: int, reads: int) -> Cost:
    """The cost of one wave of streams, each of so many reads between head and end."""
    begun = time.process_time_ns()
    tasks = [asyncio.create_task(take(str(number), "")) for number in range(streams)]
    await _taken()
    asking_ns = time.process_time_ns() - begun
    await asyncio.wait_for(server.expect(streams), PATIENCE_S)
    asking_ns += await _reading_ns(server, HEAD + CHUNK)
    reading_ns = 0
    for _ in range(reads):
        reading_ns += await _reading_ns(server, CHUNK)
    asking_ns += await _reading_ns(server, END)
    begun = time.process_time_ns()
    async with asyncio.timeout(PATIENCE_S):
        streams_taken = await asyncio.gather(*tasks)
    asking_ns += time.process_time_ns() - begun
    _check(streams_taken, reads + 2)
    return Cost(asking_ns / streams / 1e3, reading_ns / streams / reads / 1e3)


async def _reading_ns(server: Server, data: bytes) -> int:
    """CPU time that it takes all clients to read what they are all sent."""
    server.write(data)
    begun = time.process_time_ns()
    await _taken()
    return time.process_time_ns() - begun


async def _taken() -> None:
    """The loop has taken what was ready, and what became ready by that."""
    for _ in range(3):
        await asyncio.sleep(0)


def _check(streams: list[Taken], reads: int) -> None:
    counts = {len(stream.stamps_ns) for stream in streams}
    if counts != {reads}:
        raise NotReadError(f"{reads} reads were sent to each stream; taken were {sorted(counts)}")


async def costs(streams: int, reads: int, repeats: int) -> dict[str, Cost]:
    """The medians of each client; they take turns."""
    found: dict[str, list[Cost]] = {name: [] for name in CLIENTS}
    async with AsyncExitStack() as stack:
        at: dict[str, tuple[Take, Server]] = {}
        for name, client in CLIENTS.items():
            server = Server()
            stack.callback(server.close)
            job = Job(server.url, "", [], None, None, False)
            at[name] = await stack.enter_async_context(client.opened(job)), server
            await wave(*at[name], streams, 1)  # a connection for each
        gc.collect()
        for _ in range(repeats):
            for name in CLIENTS:
                found[name].append(await wave(*at[name], streams, reads))
    return {
        name: Cost(median(one.request_us for one in taken), median(one.read_us for one in taken))
        for name, taken in found.items()
    }


def main(given: list[str] | None = None) -> int:
    """Measure and say."""
    parser = argparse.ArgumentParser(prog="python -m bench.collector.cost", description=__doc__)
    parser.add_argument("--streams", type=int, default=64, help="default: %(default)s")
    parser.add_argument("--reads", type=int, default=200, help="of each stream; default: %(default)s")
    parser.add_argument("--repeats", type=int, default=15, help="default: %(default)s")
    said = parser.parse_args(given)
    found = uvloop.run(costs(said.streams, said.reads, said.repeats))
    lines = [[name, number(cost.request_us), number(cost.read_us)] for name, cost in found.items()]
    own, least = found["ours"], found["bare"]
    ratios = [number(own.request_us / least.request_us), number(own.read_us / least.read_us)]
    print(table(["CPU time, µs", "a request", "a read"], [*lines, ["ours × bare", *ratios]]))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except TokenclockError as error:
        sys.exit(str(error))
