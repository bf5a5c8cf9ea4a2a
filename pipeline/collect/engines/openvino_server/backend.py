"""The HTTP process' side of the model process: generations as queues of pieces."""

import asyncio
import itertools
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import msgspec

from pipeline.collect.engines._contract import EngineFacts
from pipeline.collect.engines.openvino_server import wire
from pipeline.collect.engines.openvino_server.answers import Usage
from pipeline.collect.engines.openvino_server.asked import Asked, BadRequestError

_REPORT = msgspec.json.Decoder(wire.Report)
_LINE_LIMIT = 1 << 24
_WORKER = "pipeline.collect.engines.openvino_server.worker"


class EngineFailedError(Exception):
    """The model process could not go on with a generation."""


class NotReadyError(Exception):
    """The model is not loaded yet."""


@dataclass(eq=False)
class Generation:
    """One generation as its reader sees it; a None in the queue says that the model process is gone."""

    id: int
    reports: asyncio.Queue[wire.Accepted | wire.Refused | wire.Piece | None] = field(default_factory=asyncio.Queue)
    usage: Usage = field(default_factory=lambda: Usage(prompt_tokens=0))
    finish_reason: str | None = None

    async def accepted(self) -> None:
        """Wait until it is in the batch; raise what the asker did wrong."""
        report = await self._next()
        if isinstance(report, wire.Refused):
            raise BadRequestError(report.message, report.param, report.code)
        if isinstance(report, wire.Accepted):
            self.usage.prompt_tokens = report.prompt_tokens

    async def texts(self) -> AsyncIterator[str]:
        """Give each token's text when it is there; the reason for the end stands in `finish_reason`."""
        while self.finish_reason is None:
            piece = await self._next()
            if not isinstance(piece, wire.Piece):
                continue
            self.usage.completion_tokens = piece.completion_tokens
            self.finish_reason = piece.finish_reason
            if piece.text:
                yield piece.text
        if self.finish_reason == wire.OUT_OF_MEMORY:
            raise EngineFailedError("The key-value cache is full; lower concurrency or raise kv_cache_gb.")

    async def _next(self) -> wire.Accepted | wire.Refused | wire.Piece:
        report = await self.reports.get()
        if report is None:
            raise EngineFailedError("The model process has ended; the engine's log says why.")
        return report


class Backend:
    """Sends orders to the model process and hands its reports to whoever waits for them."""

    def __init__(self, process: subprocess.Popen[bytes], end: socket.socket) -> None:
        self.process = process
        self._end = end
        self._writer: asyncio.StreamWriter | None = None
        self._facts: EngineFacts | None = None
        self._live: dict[int, Generation] = {}
        self._ids = itertools.count(1)

    @property
    def facts(self) -> EngineFacts:
        """What the model process serves, once it is ready."""
        if self._facts is None:
            raise NotReadyError("The model is being loaded; ask again when GET /health answers 200.")
        return self._facts

    async def listen(self) -> None:
        """Read reports until the model process is gone; then nobody may wait any longer."""
        reader, self._writer = await asyncio.open_unix_connection(sock=self._end, limit=_LINE_LIMIT)
        async for line in reader:
            self._take(_REPORT.decode(line))
        self._facts = None
        for generation in self._live.values():
            generation.reports.put_nowait(None)

    def _take(self, report: wire.Report) -> None:
        if isinstance(report, wire.Ready):
            self._facts = report.facts
        elif isinstance(report, wire.Step):
            for piece in report.pieces:
                self._hand_over(piece)
        else:
            self._hand_over(report)

    def _hand_over(self, report: wire.Accepted | wire.Refused | wire.Piece) -> None:
        """Reports of a generation that was dropped meanwhile have no reader."""
        if generation := self._live.get(report.id):
            generation.reports.put_nowait(report)

    def begin(self, asked: Asked) -> Generation:
        """Order a generation. Whoever begins one must `close` it."""
        generation = Generation(next(self._ids))
        self._tell(wire.Begin(generation.id, asked.sampling, asked.messages, asked.text, asked.tokens))
        self._live[generation.id] = generation
        return generation

    def close(self, generation: Generation) -> None:
        """Forget a generation; if it is not over, the model stops computing it."""
        del self._live[generation.id]
        if generation.finish_reason is None:
            self._tell(wire.Drop(generation.id))

    def _tell(self, order: wire.Order) -> None:
        if self._writer is not None:
            self._writer.write(wire.line(order))


def start(settings: wire.Settings) -> Backend:
    """Start the model process. It ends when this one does: its channel closes."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with theirs:
        command = [sys.executable, "-m", _WORKER, str(theirs.fileno()), msgspec.json.encode(settings).decode()]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
    return Backend(process, ours)
