"""Whole streams at once: of events that share a skeleton, only what stands in its holes is looked at.

Bodies are cut at blank lines. Of each stream a block in the middle shows a skeleton; in columns, the part before
its holes and the part behind them are taken off all blocks of the stream, and where both were there, what is left
are values. Blocks that have another skeleton, or values that are not plain, are treated alike once more, with the
skeleton that they show; what few share is looked at block by block. `meanings` says why this gives what decoding
every block gives.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple, TypeAlias

import numpy as np
import polars as pl

from pipeline.decode import values
from pipeline.decode.blocks import FRAMED, SAID, Blocks, Found, one_by_one
from pipeline.decode.delta import NO_SLOTS, Decode, Slots
from pipeline.decode.meanings import SSE, Framing, Hole, Meaning
from pipeline.decode.values import Flags

ROWS = pl.Schema({"response": pl.UInt32, "end": pl.Int64, "size": pl.Int64, "meaning": pl.Int32})
"""An event: whose, where it ends, bytes of its block, and the number of its meaning."""

Positions: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int64]]"

_ROUNDS = 6  # Each takes from a stream the events of one skeleton.
_LOOKED_AT = 4  # Blocks of a stream in which to look for a skeleton.
WORTHWHILE = 8  # Blocks that are cheaper to read in columns than one by one.


class _Kind(NamedTuple):
    """What events must have in common to be read together: which values they hold, and which columns these fill."""

    is_number: tuple[bool, ...]
    filled: tuple[tuple[str, int], ...]
    steady: tuple[str, ...]


class _Learned(NamedTuple):
    """What a stream shows: the parts around the values of its events, and the meaning that these share."""

    kind: _Kind
    meaning: int
    parts: tuple[bytes, ...]
    alike: tuple[bytes, ...]
    """Values of the columns `kind.steady`, which all these events have."""


def understand(
    texts: pl.DataFrame, speak: Decode, slots: Slots, meanings: list[Meaning], framing: Framing = SSE
) -> pl.DataFrame:
    """Say what each block means: `ROWS` and, by column, the events' own values.

    `texts` has `response`, `start` and `text`, and ends are counted as starts are. `meaning` is a position in
    `meanings`, which grows. Blocks that are no event have no row, nor has what follows the last blank line.
    """
    blocks = Blocks(speak, slots, meanings, framing)
    framed = left = _framed(texts, framing)
    found = [SAID.to_frame()]
    for _ in range(_ROUNDS if slots != NO_SLOTS else 0):
        learned, of = _learn(left, blocks)
        if not learned:
            break
        read, left = _read(left, learned, of)
        found += read
    said = pl.concat([*found, one_by_one(left, blocks)], how="diagonal")
    said = said[np.argsort(said["row"].to_numpy(), kind="stable")]
    rows = framed.select(pl.exclude("row", "block"))[said["row"]]
    return pl.concat([rows, said.drop("row")], how="horizontal")


def _framed(texts: pl.DataFrame, framing: Framing) -> pl.DataFrame:
    """The blocks of all texts, as `FRAMED`."""
    cut = pl.col("text").str.split(framing.end, literal=False)  # As a pattern it is found four times as fast.
    lists = texts.select(cut).to_series()
    counts = lists.list.len().to_numpy().astype(np.int64)
    blocks, text = lists.explode(), np.repeat(np.arange(len(counts)), counts)
    sizes = blocks.str.len_bytes().to_numpy().astype(np.int64)
    ends = np.cumsum(sizes + len(framing.end))
    lasts = np.cumsum(counts) - 1
    ends += (texts["start"].to_numpy() - np.concatenate([[0], ends[lasts]])[:-1])[text]
    is_ended = np.ones(len(text), bool)
    is_ended[lasts] = framing.ends_with_body & (sizes[lasts] > 0)
    ends[lasts] -= len(framing.end)
    columns = {"response": texts["response"].gather(text), "end": ends, "size": sizes, "block": blocks}
    return pl.DataFrame(columns).filter(is_ended).with_row_index("row").cast(FRAMED)


def _learn(framed: pl.DataFrame, blocks: Blocks) -> tuple[list[_Learned], Positions]:
    """Look into the middle of each stream that has blocks enough; say of each block what was learned, or -1."""
    responses = framed["response"].to_numpy()
    firsts = np.flatnonzero(np.diff(responses, prepend=responses[:1] + 1))
    counts = np.diff(firsts, append=len(responses))
    number_of = np.full(len(firsts), -1)
    learned: list[_Learned] = []
    many = np.flatnonzero(counts >= WORTHWHILE)
    at = (firsts[many] + counts[many] // 2)[:, None] + np.arange(_LOOKED_AT)
    shown = framed["block"].cast(pl.Binary).gather(np.minimum(at, len(responses) - 1).ravel()).to_list()
    for stream, start in enumerate(range(0, len(shown), _LOOKED_AT)):
        one = _shown(shown[start : start + _LOOKED_AT], blocks)
        if one:
            number_of[many[stream]] = len(learned)
            learned.append(one)
    return learned, np.repeat(number_of, counts)


def _shown(shown: Sequence[bytes], blocks: Blocks) -> _Learned | None:
    """What the first of these blocks shows that has a skeleton."""
    found = ((block, blocks.find(block)) for block in shown)
    return next((_learned(block, one, blocks) for block, one in found if one), None)


def _learned(block: bytes, found: Found, blocks: Blocks) -> _Learned | None:
    """Tell the values that vary from those that are steady; None where none varies."""
    kind, varying, alike = _kind(found.skeleton.holes, blocks.meanings[found.number].filled, blocks.steady)
    if not varying:
        return None
    edges = [0, *(edge for hole in varying for edge in found.spans[hole]), len(block)]
    parts = tuple(block[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))
    return _Learned(kind, found.number, parts, tuple(block[slice(*found.spans[hole])] for hole in alike))


@cache
def _kind(
    holes: Sequence[Hole], filled: Sequence[tuple[str, int]], steady: frozenset[bytes]
) -> tuple[_Kind, list[int], list[int]]:
    """The kind of a skeleton's events, the holes that vary, and the holes whose steady values fill columns."""
    varying = [number for number, hole in enumerate(holes) if hole.key not in steady]
    own = tuple((name, varying.index(hole)) for name, hole in filled if hole in varying)
    alike = [(name, hole) for name, hole in filled if hole not in varying]
    kind = _Kind(tuple(holes[hole].is_number for hole in varying), own, tuple(name for name, _ in alike))
    return kind, varying, [hole for _, hole in alike]


def _read(
    framed: pl.DataFrame, learned: Sequence[_Learned], of: Positions
) -> tuple[list[pl.DataFrame], pl.DataFrame]:
    """The events that are what was learned of their stream, kind by kind, and the blocks that are not."""
    first, last = (_series(one.parts[at] for one in learned) for at in (0, -1))
    outer = first.str.len_bytes() + last.str.len_bytes()
    tried = framed.with_columns(of=of, first=first.gather(np.maximum(of, 0)), last=last.gather(np.maximum(of, 0)))
    inner = pl.col("block").str.strip_prefix(pl.col("first")).str.strip_suffix(pl.col("last"))
    inside = tried.select(inner).to_series()
    is_fit = (framed["size"] - inside.str.len_bytes()).to_numpy() == outer.to_numpy()[of]
    is_left = ~is_fit | (of < 0)
    kinds = {kind: number for number, kind in enumerate(dict.fromkeys(one.kind for one in learned))}
    kind_of = np.array([kinds[one.kind] for one in learned])[of]
    rows, said = framed["row"].to_numpy(), []
    for kind, number in kinds.items():
        at = np.flatnonzero((kind_of == number) & ~is_left)
        own, is_plain = _own(inside.gather(at), of[at], kind, learned)
        is_left[at[~is_plain]] = True
        own = own.with_columns(row=rows[at])
        said.append(own if is_plain.all() else own.filter(is_plain))
    return said, framed.filter(is_left)


def _own(inside: pl.Series, of: Positions, kind: _Kind, learned: Sequence[_Learned]) -> tuple[pl.DataFrame, Flags]:
    """The meaning and the own values of events of one kind; and which of them hold plain values at all."""
    alike = [one if one.kind == kind else None for one in learned]
    between = [
        _series(one.parts[hole] if one else b"" for one in alike).gather(of)
        for hole in range(1, len(kind.is_number))
    ]
    own, is_plain = values.read(inside, between, kind.is_number, {hole for _, hole in kind.filled})
    columns = {"meaning": pl.Series(np.array([one.meaning for one in learned], np.int32)[of])}
    columns |= {name: own[hole] for name, hole in kind.filled}
    for at, name in enumerate(kind.steady):
        columns[name] = values.unescaped(_series(one.alike[at] if one else b"" for one in alike)).gather(of)
    return pl.DataFrame(columns), is_plain


def _series(parts: Iterable[bytes]) -> pl.Series:
    return pl.Series([part.decode() for part in parts], dtype=pl.String)
