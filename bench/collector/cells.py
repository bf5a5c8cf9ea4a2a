"""What is measured: cells of streams × rate, plain and over TLS."""

import json
from dataclasses import dataclass
from itertools import product
from math import ceil
from typing import Literal

STREAMS = (1, 16, 64, 256)
RATES_TOK_S = (50, 200, 2000)
STREAMING_S = 0.5
TOKENS_FOR_P99 = 110
EVENTS_LIMIT = 150_000
FLOOD_EVENTS = 300_000
FLOOD_EVENTS_PER_WRITE = 64
STARTS, WAVES = 64, 10

FIRST = ("ours", "bare")
"""Clients that are measured in every cell, and before all others."""

Tls = Literal["both", "only", "none"]


@dataclass(frozen=True)
class Cell:
    """`tok_s` a stream, or None: as fast as the socket takes it (flood). Aligned streams all tick together.

    The streams of a wave start at once; the next wave starts when all of them are over.
    """

    streams: int
    tok_s: int | None
    is_tls: bool = False
    is_aligned: bool = False
    tokens: int = 0
    waves: int = 1

    @property
    def script(self) -> str:
        """What each stream asks the truth server for."""
        if self.tok_s is None:
            tokens = self.tokens or FLOOD_EVENTS // self.streams
            return json.dumps({"kind": "flood", "tokens": tokens, "per_write": FLOOD_EVENTS_PER_WRITE})
        enough = max(round(self.tok_s * STREAMING_S), ceil(TOKENS_FOR_P99 / self.streams))
        tokens = self.tokens or min(enough, EVENTS_LIMIT // self.streams)
        return json.dumps({"kind": "constant", "tokens": tokens, "tok_s": self.tok_s, "align": self.is_aligned})

    @property
    def title(self) -> str:
        """The cell in words."""
        rate = "flood" if self.tok_s is None else f"{self.tok_s:,} tok/s"
        waves = f", started at once, {self.waves} times" * (self.waves > 1)
        return f"{self.streams} × {rate}{', aligned' * self.is_aligned}{waves}{', TLS' * self.is_tls}"


def every(tls: Tls = "both") -> list[Cell]:
    """All cells: the grid, two loads of batching engines (all streams tick together), flood, and many starts."""
    chosen = {"both": (False, True), "only": (True,), "none": (False,)}[tls]
    return [cell for is_tls in chosen for cell in _grid(is_tls=is_tls)]


def _grid(*, is_tls: bool) -> list[Cell]:
    return [
        *(Cell(streams, rate, is_tls) for streams, rate in product(STREAMS, RATES_TOK_S)),
        Cell(64, 200, is_tls, is_aligned=True),
        Cell(256, 50, is_tls, is_aligned=True),
        Cell(STARTS, 200, is_tls, tokens=4, waves=WAVES),
        *(Cell(streams, None, is_tls) for streams in STREAMS),
    ]


def asks(cell: Cell, client: str) -> bool:
    """Whether a client is measured in a cell: what the others are like shows in fewer, and they take long."""
    return client in FIRST or (cell.streams == 64 if cell.is_tls else cell.streams != 16)


def quick(tls: Tls = "both") -> list[Cell]:
    """A few that show whether something broke."""
    cells = [
        Cell(1, 200, tokens=120),
        Cell(16, 2000, tokens=400),
        Cell(256, 50, is_aligned=True, tokens=10),
        Cell(STARTS, 200, tokens=4, waves=2),
        Cell(16, None, tokens=2000),
        Cell(16, 200, is_tls=True, tokens=40),
    ]
    return [cell for cell in cells if tls == "both" or cell.is_tls == (tls == "only")]
