"""Values of events in columns: cut apart, checked, and read, all as JSON writes them."""

from collections.abc import Container, Sequence
from typing import TypeAlias

import msgspec
import numpy as np
import polars as pl

from pipeline.decode.meanings import NUMBER, STRING

Flags: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.bool_]]"

_LONG = 64
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
            value, pieces = _apart(pieces, between[hole])
        value, is_fit = _plain_number(value) if kind else _plain_text(value, is_wanted=hole in wanted)
        is_plain &= is_fit
        found.append(value)
    return found, is_plain


def _apart(pieces: pl.Series, part: pl.Series) -> tuple[pl.Series, pl.Series]:
    """What stands before and behind a part in its piece; null behind where it stands in no or several places."""
    piece, tail = pl.col("piece").str, ""
    if part.n_unique() == 1:  # One pattern for all is found several times as fast, unless it is long.
        head, tail = part[0][:_LONG], part[0][_LONG:]
        cut = piece.split(pl.escape_regex(head), literal=False)
    else:
        cut = piece.split(pl.col("part"))
    both = pl.DataFrame({"piece": pieces, "part": part}).select(cut.alias("both"))["both"]
    behind = pl.col("behind").str
    rest = pl.when((pl.col("count") == 2) & behind.starts_with(tail)).then(behind.strip_prefix(tail))
    found = pl.DataFrame({"behind": both.list.get(1, null_on_oob=True), "count": both.list.len()})
    return both.list.get(0), found.select(rest).to_series()


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
