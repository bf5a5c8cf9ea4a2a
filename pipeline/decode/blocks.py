"""Reads of many responses to the blocks between blank lines, all at once: the framing of `sse.Parser`, in columns.

Meant for whole responses that are valid UTF-8 without a byte order mark; others are left out, and have to go
through the parser.
"""

import numpy as np
import polars as pl
import pyarrow as pa

from pipeline.decode.sse import with_lf_only


def blocks(reads: pl.DataFrame) -> pl.DataFrame:
    """Cut responses into blocks: `row`, `response`, `block`, and `read`, the row of `reads` that completed it.

    `reads` has the columns `response` and `payload`, sorted; what a response broke off in is no block.
    """
    reads = _with_lf_only(reads)
    counts = reads.group_by("response", maintain_order=True).len()
    ends = reads["payload"].bin.size().cast(pl.Int64).cum_sum().to_numpy()
    last_reads = counts["len"].cum_sum().to_numpy().astype(np.int64) - 1
    starts = np.concatenate([[0], ends[last_reads]])[: len(counts)]
    found = counts.select("response", start=starts, block=_joined(reads["payload"], last_reads))
    found = found.filter(pl.col("block").is_not_null() & ~pl.col("block").str.starts_with("\ufeff"))
    found = found.with_columns(pl.col("block").str.split("\n\n")).explode("block")
    sizes = pl.col("block").str.len_bytes().cast(pl.Int64) + 2
    found = found.with_columns(end=pl.col("start") + sizes.cum_sum().over("response"))
    found = found.filter(pl.col("response") == pl.col("response").shift(-1))
    read = pl.Series(np.searchsorted(ends, found["end"].to_numpy()), dtype=pl.UInt32)
    return found.select(row=pl.int_range(pl.len(), dtype=pl.UInt32), response="response", block="block", read=read)


def _joined(payloads: pl.Series, last_reads: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> pl.Series:
    """One text a response, null where it is no UTF-8; nothing is copied, for reads lie one behind the other."""
    array = payloads.rechunk().to_arrow().cast(pa.large_binary())
    _, offsets, values = array.buffers()
    edges = np.frombuffer(offsets, np.int64)[array.offset :]
    cuts = np.concatenate([edges[:1], edges[last_reads + 1]])
    joined = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(last_reads), [None, pa.py_buffer(cuts), values]
    )
    bodies = pl.Series(pl.from_arrow(joined))
    try:
        return bodies.cast(pl.String)
    except pl.exceptions.ComputeError:  # One of them at least is no UTF-8, which it does not name.
        return pl.Series([_text(body) for body in bodies], dtype=pl.String)


def _text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _with_lf_only(reads: pl.DataFrame) -> pl.DataFrame:
    """Replace the line ends of responses that hold a CR anywhere."""
    has_cr = reads.filter(pl.col("payload").bin.contains(b"\r"))["response"].unique()
    if has_cr.is_empty():
        return reads
    is_odd = pl.col("response").is_in(has_cr.implode())
    odd = reads.filter(is_odd)
    cleaned = [
        piece
        for group in odd.partition_by("response", maintain_order=True)
        for piece in with_lf_only(group["payload"].to_list())[0]
    ]
    mended = odd.with_columns(payload=pl.Series(cleaned, dtype=pl.Binary))
    return pl.concat([reads.filter(~is_odd), mended]).sort("response", maintain_order=True)
