"""Reads of many responses to one text a response, all at once: what `sse.Parser` does to line ends, in columns."""

from typing import TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa

Offsets: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"
Bytes: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.uint8]]"

_CR, _LF = 0x0D, 0x0A


def join(reads: pl.DataFrame, *, with_lf_only: bool) -> tuple[pl.DataFrame, Offsets]:
    """Lay bodies one behind the other: each response's `start` and `text`, and the reads' ends.

    `with_lf_only` turns line ends into LF.

    `reads` has `response` and `payload`, sorted, none empty. A body that is no UTF-8, or opens with a byte order
    mark or a zero byte, has no row: it has to go another way.
    """
    counts = reads.group_by("response", maintain_order=True).len()
    payloads = reads["payload"].rechunk().to_arrow().cast(pa.large_binary())
    _, offsets, content = payloads.buffers()
    edges = np.frombuffer(offsets, np.int64)[payloads.offset :][: len(reads) + 1]
    cuts = edges[np.concatenate([[0], counts["len"].cum_sum().to_numpy()]).astype(np.int64)]
    texts = _texts(
        pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(counts), [None, pa.py_buffer(cuts), content])
    )
    odd = texts.str.contains("\r", literal=True).fill_null(value=False).arg_true()
    if with_lf_only and not odd.is_empty():
        ended = texts.gather(odd).str.replace_all("\r\n", "\n", literal=True)
        texts = texts.scatter(odd, ended.str.replace_all("\r", "\n", literal=True))
        dropped = _second_halves(np.frombuffer(content, np.uint8), [(cuts[at], cuts[at + 1]) for at in odd])
        edges, cuts = (found - np.searchsorted(dropped, found) for found in (edges, cuts))
    found = counts.select("response", start=pl.Series(cuts[:-1]), text=texts)
    is_fit = pl.col("text").is_not_null() & ~pl.col("text").str.contains("^[\x00\ufeff]")
    return found.filter(is_fit), edges[1:]


def _texts(bodies: pa.LargeBinaryArray) -> pl.Series:
    """Bodies as text; null where one is no UTF-8."""
    found = pl.Series(pl.from_arrow(bodies))
    try:
        return found.cast(pl.String)
    except pl.exceptions.ComputeError:  # One of them at least is no UTF-8; it does not say which.
        return pl.Series([_text(body) for body in found], dtype=pl.String)


def _text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _second_halves(content: Bytes, spans: list[tuple[int, int]]) -> Offsets:
    """Where, in these bodies, an LF stands right behind a CR."""
    pairs = ((start, content[start:stop]) for start, stop in spans)
    return np.concatenate(
        [start + 1 + np.flatnonzero((body[1:] == _LF) & (body[:-1] == _CR)) for start, body in pairs]
    )
