"""The model process: take orders, step the batch, report every step at once. One thread, no clock."""

import select
import socket
import sys
from collections.abc import Iterator

import msgspec

from pipeline.collect.engines.openvino_server import wire
from pipeline.collect.engines.openvino_server.model import Live, Model, RefusedError, read

_ORDER = msgspec.json.Decoder(wire.Order)


class Channel:
    """The model process' end of the socket pair."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._lines = wire.Lines()
        self.is_open = True

    def orders(self, *, wait: bool) -> Iterator[wire.Order]:
        """Give the orders that are there; with `wait`, sleep until there are some."""
        while self.is_open and select.select([self._end], [], [], None if wait else 0)[0]:
            data = self._end.recv(1 << 16)
            self.is_open, wait = bool(data), False
            yield from (_ORDER.decode(line) for line in self._lines.feed(data))

    def tell(self, report: wire.Report) -> None:
        """Send one report."""
        self._end.sendall(wire.line(report))


def serve(channel: Channel, model: Model) -> None:
    """Step while there is work, sleep while there is none, return when the other side is gone."""
    live: dict[int, Live] = {}
    while channel.is_open:
        for order in channel.orders(wait=not model.is_busy):
            obey(order, channel, model, live)
        if model.is_busy:
            model.step()
            report(channel, live)


def obey(order: wire.Order, channel: Channel, model: Model, live: dict[int, Live]) -> None:
    """Begin a generation, or really drop one: its place in the batch is free from the next step on."""
    if isinstance(order, wire.Drop):
        if dropped := live.pop(order.id, None):
            dropped.handle.cancel()
        return
    try:
        live[order.id] = model.begin(order)
    except RefusedError as error:
        channel.tell(wire.Refused(order.id, str(error), error.param, error.code))
    else:
        channel.tell(wire.Accepted(order.id, live[order.id].prompt_tokens))


def report(channel: Channel, live: dict[int, Live]) -> None:
    """Send what a step gave, all streams in one message."""
    pieces = [piece for one in live.values() if (piece := read(one)) is not None]
    for piece in pieces:
        if piece.finish_reason is not None:
            del live[piece.id]
    if pieces:
        channel.tell(wire.Step(pieces))


def warm_up(model: Model) -> None:
    """Run a short generation: the first one compiles kernels, and no user shall be measured by that."""
    sampling = wire.Sampling(max_tokens=4, min_tokens=4, temperature=0, top_p=1, seed=0, stop=(), ignore_eos=True)
    held = model.begin(wire.Begin(id=0, sampling=sampling, text="Once upon a time " * 16))
    while model.is_busy:
        model.step()
    del held


def main(descriptor: int, settings: wire.Settings) -> None:
    """Load, warm up, say so, serve."""
    with socket.socket(fileno=descriptor) as end:
        model = Model(settings)
        warm_up(model)
        channel = Channel(end)
        channel.tell(wire.Ready(model.facts()))
        serve(channel, model)


if __name__ == "__main__":
    main(int(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=wire.Settings))
