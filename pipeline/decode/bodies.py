"""Reads of many responses to one text a response, all at once: what `sse.Parser` does to line ends, in columns."""

from typing import NamedTuple, TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa

Offsets: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"
Bytes: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.uint8]]"


class Bodies(NamedTuple):
    """Bodies laid one behind the other: `texts` has `response`, `start` in `content`, and `text`; reads' ends."""

    content: Bytes
    texts: pl.DataFrame
    ends: Offsets


def join(reads: pl.DataFrame, *, with_lf_only: bool) -> Bodies:
    """Lay bodies one behind the other; `with_lf_only` turns line ends into LF.

    `reads` has `response` and `payload`, sorted, none empty. A body that is no UTF-8, or opens with a byte order
    mark or a zero byte, has no row: it has to go another way.
    """
    counts = reads["response"].rle().struct.unnest()
    content, edges = _laid(reads["payload"])
    cuts = edges[np.concatenate([[0], counts["len"].cum_sum().to_numpy()]).astype(np.int64)]
    bodies = cut(content, cuts)
    texts = _texts(bodies)
    odd = texts.str.contains("\r", literal=True).fill_null(value=False).arg_true()
    if with_lf_only and not odd.is_empty():
        ended, dropped = _with_lf_only(texts.gather(odd), cuts[odd.to_numpy()])
        edges, cuts = (found - np.searchsorted(dropped, found) for found in (edges, cuts))
        content, _ = _laid(bodies.scatter(odd, ended.cast(pl.Binary)))
        texts = texts.scatter(odd, ended)
    found = counts.select(response="value", start=pl.Series(cuts[:-1]), text=texts)
    is_fit = pl.col("text").is_not_null() & ~pl.col("text").str.contains("^[\x00\ufeff]")
    return Bodies(content, found.filter(is_fit), edges[1:])


def cut(content: Bytes, edges: Offsets) -> pl.Series:
    """What stands between each edge and the next, without a copy; no edge lies before the one before it."""
    buffers = [None, pa.py_buffer(edges), pa.py_buffer(content)]
    count = max(len(edges) - 1, 0)
    return pl.Series(pl.from_arrow(pa.LargeBinaryArray.from_buffers(pa.large_binary(), count, buffers)))


def _laid(pieces: pl.Series) -> tuple[Bytes, Offsets]:
    """Pieces one behind the other, and their edges from 0."""
    laid = pieces.rechunk().to_arrow().cast(pa.large_binary())
    _, offsets, content = laid.buffers()
    edges = np.frombuffer(offsets, np.int64)[laid.offset :][: len(pieces) + 1]
    return np.frombuffer(content, np.uint8), edges


def _texts(bodies: pl.Series) -> pl.Series:
    """Bodies as text; null where one is no UTF-8."""
    try:
        return bodies.cast(pl.String)
    except pl.exceptions.ComputeError:  # One of them at least is no UTF-8; it does not say which.
        if len(bodies) == 1:
            return pl.Series([None], dtype=pl.String)
        half = len(bodies) // 2
        return pl.concat([_texts(bodies.head(half)), _texts(bodies.slice(half))])


def _with_lf_only(texts: pl.Series, starts: Offsets) -> tuple[pl.Series, Offsets]:
    """Texts with LF for CR and CRLF, and where the bytes stood that this drops, counted as the starts are."""
    halves = texts.str.find_many(["\r\n"])
    dropped = halves.explode(empty_as_null=False).to_numpy() + np.repeat(starts + 1, halves.list.len().to_numpy())
    ended = texts.str.replace_all("\r\n", "\n", literal=True)
    has_more = ended.str.contains("\r", literal=True).any()
    return ended.str.replace_all("\r", "\n", literal=True) if has_more else ended, dropped
