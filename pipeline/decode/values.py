"""Values of events in columns: cut apart, checked, and read, all as JSON writes them."""

from collections.abc import Container, Sequence
from typing import TypeAlias

import msgspec
import numpy as np
import polars as pl

from pipeline.decode.meanings import NUMBER, STRING

Flags: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.bool_]]"

_ODD = r'["\\\x00-\x1f]'  # Without any of these a text is a string as it stands.


def read(
    pieces: pl.Series, between: Sequence[pl.Series], is_number: Sequence[bool], wanted: Container[int]
) -> tuple[list[pl.Series], Flags]:
    """Take each piece apart where the parts between its values stand; say which pieces have them, and plain ones.

    Texts that are wanted come as what they stand for.
    """
    found, is_plain = [], np.ones(len(pieces), bool)
    for hole, kind in enumerate(is_number):
        value = pieces
        if hole < len(between):
            value, pieces = _apart(pieces, between[hole], is_number=kind)
        value, is_fit = _plain_number(value) if kind else _plain_text(value, is_wanted=hole in wanted)
        is_plain &= is_fit
        found.append(value)
    return found, is_plain


def _apart(pieces: pl.Series, part: pl.Series, *, is_number: bool) -> tuple[pl.Series, pl.Series]:
    """The value that each piece begins with, and what stands behind the part that follows it, which may be null."""
    frame = pl.DataFrame({"piece": pieces, "part": part, "size": _size_of_first(pieces, is_number=is_number)})
    piece, size = pl.col("piece").cast(pl.Binary).bin, pl.col("size").cast(pl.Int64)
    value, rest = piece.slice(0, size).cast(pl.String), piece.slice(size).cast(pl.String)
    cut = frame.select("part", value=value, rest=rest, behind=rest.str.strip_prefix(pl.col("part")))
    lengths = (pl.col(name).str.len_bytes().cast(pl.Int64) for name in ("rest", "behind", "part"))
    had, has, less = lengths
    return cut["value"], cut.select(pl.when(had - has == less).then("behind")).to_series()


def _size_of_first(texts: pl.Series, *, is_number: bool) -> pl.Series:
    """Bytes of the value that each text begins with, up to its last digit or its closing quote."""
    if is_number:
        return texts.str.find("[^0-9]")
    sizes = texts.str.find('"', literal=True)
    quotes = pl.DataFrame({"text": texts.cast(pl.Binary), "size": sizes}).select(
        pl.col("text").bin.slice(pl.col("size").cast(pl.Int64) - 1, 1) == b"\\"
    )
    escaped = quotes.to_series().arg_true()
    if escaped.is_empty():
        return sizes
    return sizes.scatter(escaped, texts.gather(escaped).str.extract(rf'^({STRING})"').str.len_bytes())


def _plain_number(values: pl.Series) -> tuple[pl.Series, Flags]:
    return values, values.str.contains(rf"^{NUMBER}$").fill_null(value=False).to_numpy()


def _plain_text(values: pl.Series, *, is_wanted: bool) -> tuple[pl.Series, Flags]:
    is_plain = values.str.len_bytes().fill_null(0).to_numpy() > 0
    odd = values.str.contains(_ODD).fill_null(value=False).arg_true()
    if odd.is_empty():
        return values, is_plain
    is_string = values.gather(odd).str.contains(rf"^{STRING}$")
    is_plain[odd.to_numpy()] = is_string.to_numpy()
    strings = odd.filter(is_string)
    return (_decoded(values, strings) if is_wanted and len(strings) else values), is_plain


def unescaped(values: pl.Series) -> pl.Series:
    """The text that each value, written as in JSON, stands for."""
    odd = values.str.contains("\\", literal=True).arg_true()
    return values if odd.is_empty() else _decoded(values, odd)


def _decoded(values: pl.Series, rows: pl.Series) -> pl.Series:
    texts = '["' + '","'.join(values.gather(rows)) + '"]'
    return values.scatter(rows, pl.Series(msgspec.json.decode(texts, type=list[str])))
