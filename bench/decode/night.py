"""A recorded night to decode: requests and reads as a collector stores them, of many shapes and framings."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

import polars as pl

from bench.decode import shapes
from pipeline import trace

SHAPES: dict[str, shapes.Shape] = {
    shape.__name__: shape
    for shape in (
        shapes.vllm,
        shapes.groq,
        shapes.cerebras,
        shapes.together,
        shapes.openrouter,
        shapes.openai,
        shapes.sglang,
        shapes.spaced,
    )
}

REQUESTS_A_RUN = 32

_HEADERS = [{"name": "content-type", "value": "text/event-stream; charset=utf-8"}]


def write(folder: Path, *, events: int, tokens: int, names: Sequence[str] = tuple(SHAPES)) -> tuple[Path, Path]:
    """Write at least `events` events, in streams of about `tokens` tokens; return requests and reads."""
    requests: list[dict[str, object]] = []
    reads: list[pl.DataFrame] = []
    written = 0
    while written < events:
        request, pieces, count = _response(len(requests), tokens, [SHAPES[name] for name in names])
        requests.append(request)
        reads.append(_reads(request["request_id"], pieces))
        written += count
    paths = folder / "requests.parquet", folder / "reads.parquet"
    trace.write_parquet(pl.DataFrame(requests, schema_overrides=trace.REQUESTS), paths[0])
    trace.write_parquet(pl.concat(reads), paths[1])
    return paths


def _response(
    number: int, tokens: int, known: Sequence[shapes.Shape]
) -> tuple[dict[str, object], list[bytes], int]:
    random = Random(number)
    stream = shapes.Stream(random, number, random.randint(tokens // 2, tokens * 3 // 2))
    run = number // REQUESTS_A_RUN
    shape = known[run % len(known)]
    datas = [*shape(stream)]
    datas += [] if shape is shapes.cerebras else ["[DONE]"]
    pieces = cut([f"data: {data}\n\n".encode() for data in datas], run // len(known), random)
    pieces = [b": PROCESSING\n\n"] * 3 + pieces if shape is shapes.openrouter else pieces
    request: dict[str, object] = {
        "request_id": f"2026-11-01.r01.bench-{run:06}/{number:06}",
        "dialect": "openai-chat",
    }
    return request | {"http_status": 200, "response_headers": _HEADERS, "outcome": "ended"}, pieces, len(datas)


def cut(events: list[bytes], run: int, random: Random) -> list[bytes]:
    """Of eight runs five come with an event a read, one with several, one with CRLF, one cut anywhere."""
    kind = run % 8
    if kind < 5:
        return events
    if kind == 5:
        return _groups(events, random)
    if kind == 6:
        return [event.replace(b"\n", b"\r\n") for event in events]
    body = b"".join(events)
    return [body[start : start + 1_400] for start in range(0, len(body), 1_400)]


def _groups(events: list[bytes], random: Random) -> list[bytes]:
    pieces, rest = [], events
    while rest:
        size = random.randint(2, 8)
        pieces.append(b"".join(rest[:size]))
        rest = rest[size:]
    return pieces


def _reads(request_id: object, pieces: Iterable[bytes]) -> pl.DataFrame:
    payloads = pl.Series("payload", list(pieces), pl.Binary)
    at_ns = pl.int_range(pl.len(), dtype=pl.Int64) * 16_000_000 + 200_000_000
    return payloads.to_frame().select(
        request_id=pl.lit(request_id, pl.String),
        read_index=pl.int_range(pl.len(), dtype=pl.Int32),
        at_ns=at_ns,
        user_ns=at_ns + 20_000,
        wire_bytes=pl.col("payload").bin.size().cast(pl.Int32),
        payload="payload",
    )
