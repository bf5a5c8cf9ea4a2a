"""Whole streams at once: of events that share a skeleton, only what stands in its holes is looked at.

Bodies are cut at blank lines. Of each stream a block in the middle shows a skeleton, which says where the first
value of every other block starts. Where it ends is looked up in the bytes, and so on value by value; then what
stands between values is compared with the skeleton. Blocks that have another skeleton, or values that are not
plain, are treated alike once more, with the skeleton that they show; what few share is looked at block by block.
`meanings` says why this gives what decoding every block gives.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import polars as pl

from pipeline.decode import values
from pipeline.decode.blocks import Blocks, Found, Known, one_by_one
from pipeline.decode.bodies import Bodies, Offsets, cut
from pipeline.decode.delta import NO_SLOTS, Decode, Slots
from pipeline.decode.meanings import SSE, Framing, Meaning
from pipeline.decode.values import Content, Flags

ROWS = pl.Schema({"response": pl.UInt32, "end": pl.Int64, "size": pl.Int64, "meaning": pl.Int32})
"""An event: whose, where it ends, bytes of its block, and the number of its meaning."""

_ROUNDS = 6  # Each takes from a stream the events of one skeleton.
_LOOKED_AT = 4  # Blocks of a stream in which to look for a skeleton.
WORTHWHILE = 8  # Blocks that are cheaper to read in columns than one by one.
_UNKNOWN = -1

_Edges: TypeAlias = "np.ndarray[tuple[int, int], np.dtype[np.int64]]"
_Numbers: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.int32]]"


class _Kind(NamedTuple):
    """What events must have in common to be read together: which values they hold, and which columns these fill."""

    is_number: tuple[bool, ...]
    filled: tuple[tuple[str, int], ...]
    steady: tuple[str, ...]


class _Plan(NamedTuple):
    """How to read events of a skeleton: the holes that vary, and those whose steady values fill columns."""

    kind: _Kind
    varying: Sequence[int]
    alike: Sequence[int]


class _Learned(NamedTuple):
    """What a stream shows: the parts around the values of its events, and the meaning that these share."""

    kind: _Kind
    meaning: int
    parts: tuple[bytes, ...]
    alike: tuple[bytes, ...]
    """Values of the columns `kind.steady`, which all these events have."""


class _Framed(NamedTuple):
    """Blocks of bodies, an entry a block: whose, where it starts and stops, and where the end behind it ends."""

    response: Offsets
    starts: Offsets
    stops: Offsets
    ends: Offsets


class _Said:
    """What blocks were found to say: the number of the meaning of each, and the values that are its own."""

    def __init__(self, blocks: int) -> None:
        self.meanings: _Numbers = np.full(blocks, _UNKNOWN, np.int32)
        self._own: dict[str, list[tuple[Offsets, pl.Series]]] = {}

    def own(self, name: str, rows: Offsets, texts: pl.Series) -> None:
        """Take down a column's values of some blocks."""
        self._own.setdefault(name, []).append((rows, texts))

    def columns(self, rows: Offsets) -> dict[str, pl.Series]:
        """The values of blocks by column; null where a block has none of its own."""
        return {name: self._column(parts, rows) for name, parts in self._own.items()}

    def _column(self, parts: Sequence[tuple[Offsets, pl.Series]], rows: Offsets) -> pl.Series:
        known = pl.concat([*(texts for _, texts in parts), pl.Series([None], dtype=pl.String)], rechunk=True)
        at = np.full(len(self.meanings), len(known) - 1)
        start = 0
        for some, texts in parts:
            at[some] = np.arange(start, start + len(texts))
            start += len(texts)
        return known.gather(at[rows])


def understand(
    bodies: Bodies,
    texts: pl.DataFrame,
    speak: Decode,
    slots: Slots,
    meanings: list[Meaning],
    *,
    framing: Framing = SSE,
) -> pl.DataFrame:
    """Say what each block means: `ROWS` and, by column, the events' own values.

    `texts` has those of the bodies that speak alike. `meaning` is a position in `meanings`, which grows. Blocks
    that are no event have no row, nor has what follows the last blank line.
    """
    framed = _framed(texts, framing)
    reader = _Reader(framed, Content(bodies.content), Blocks(speak, slots, meanings, framing), framing.end.encode())
    said = reader.read(_ROUNDS if slots != NO_SLOTS else 0)
    rows = np.flatnonzero(said.meanings != _UNKNOWN)
    columns = {
        "response": framed.response[rows],
        "end": framed.ends[rows],
        "size": (framed.stops - framed.starts)[rows],
        "meaning": said.meanings[rows],
    }
    return pl.DataFrame(columns, schema=ROWS).with_columns(**said.columns(rows))


def _framed(texts: pl.DataFrame, framing: Framing) -> _Framed:
    """The blocks of all texts."""
    found = texts["text"].str.find_many([framing.end])
    counts = found.list.len().to_numpy().astype(np.int64)
    bases = texts["start"].to_numpy()
    stops = found.explode(empty_as_null=False).to_numpy() + np.repeat(bases, counts)
    ends = stops + len(framing.end)
    if framing.ends_with_body:
        lasts = np.concatenate([bases[:1], ends])[np.cumsum(counts)]
        lasts, over = np.where(counts, lasts, bases), bases + texts["text"].str.len_bytes().to_numpy()
        open_ended = np.flatnonzero(over > lasts)
        at = np.cumsum(counts)[open_ended]
        stops, ends = (np.insert(found, at, over[open_ended]) for found in (stops, ends))
        counts[open_ended] += 1
    starts = np.concatenate([bases[:1], ends])[:-1]
    some = counts > 0
    starts[(np.cumsum(counts) - counts)[some]] = bases[some]
    return _Framed(np.repeat(texts["response"].to_numpy(), counts), starts, stops, ends)


class _Reader:
    """Reads the blocks of the bodies that speak alike."""

    def __init__(self, framed: _Framed, content: Content, blocks: Blocks, end: bytes) -> None:
        self._framed = framed
        self._content = content
        self._blocks = blocks
        self._end = end
        self._said = _Said(len(framed.starts))

    def read(self, rounds: int) -> _Said:
        """Say what each block means: many at once in some rounds, what these leave one by one."""
        left = np.arange(len(self._framed.starts))
        for _ in range(rounds):
            learned, of = self._learn(left)
            if not learned:
                break
            self._read_all(left, learned, of)
            left = left[self._said.meanings[left] == _UNKNOWN]
        self._read_each(left)
        return self._said

    def _learn(self, left: Offsets) -> tuple[list[_Learned], Offsets]:
        """Look into the middle of each stream that has blocks enough; say of each block what was learned, or -1."""
        responses = self._framed.response[left]
        firsts = np.flatnonzero(np.diff(responses, prepend=responses[:1] + 1))
        counts = np.diff(firsts, append=len(responses))
        number_of = np.full(len(firsts), _UNKNOWN)
        learned: list[_Learned] = []
        many = np.flatnonzero(counts >= WORTHWHILE)
        middles, lates = (firsts[many] + counts[many] * share // 8 for share in (4, 7))
        looked_at = np.minimum(middles[:, None] + np.arange(_LOOKED_AT), len(left) - 1)
        rows = left[np.append(looked_at, lates[:, None], axis=1).ravel()]
        shown = self._texts(rows)
        for stream in many.tolist():
            one = _shown([next(shown) for _ in range(_LOOKED_AT)], next(shown), self._blocks)
            if one:
                number_of[stream] = len(learned)
                learned.append(one)
        return learned, np.repeat(number_of, counts)

    def _texts(self, rows: Offsets) -> Iterator[bytes]:
        """These blocks, one after the other."""
        body = self._content.bytes.data
        spans = zip(self._framed.starts[rows].tolist(), self._framed.stops[rows].tolist(), strict=True)
        return (bytes(body[start:stop]) for start, stop in spans)

    def _read_all(self, left: Offsets, learned: Sequence[_Learned], of: Offsets) -> None:
        """Take down what those blocks say, kind by kind, that are what was learned of their stream."""
        members: dict[_Kind, list[int]] = {}
        for number, one in enumerate(learned):
            members.setdefault(one.kind, []).append(number)
        kinds, within = np.full(len(learned) + 1, _UNKNOWN), np.zeros(len(learned) + 1, np.int64)
        for number, some in enumerate(members.values()):
            kinds[some], within[some] = number, np.arange(len(some))
        kind_of = kinds[of]  # Of blocks of which nothing was learned the last, which is none.
        for number, some in enumerate(members.values()):
            at = np.flatnonzero(kind_of == number)
            self._read_kind(left[at], [learned[one] for one in some], within[of[at]])

    def _read_kind(self, rows: Offsets, learned: Sequence[_Learned], of: Offsets) -> None:
        """Take down what those of these blocks say that are what was learned, all of one kind."""
        kind = learned[0].kind
        fixed = [[one.parts[at] for one in learned] for at in range(len(kind.is_number) + 1)]
        edges, escaped, is_fit = self._edges(rows, kind, [_sizes(parts)[of] for parts in fixed])
        texts = cut(self._content.bytes, np.append(edges.ravel(), edges[-1:, -1]))
        width = edges.shape[1]
        for at in range(1, len(kind.is_number)):
            is_fit &= _is_alike(texts.gather_every(width, 2 * at - 1), fixed[at], of)
        between = [last + self._end + first for last, first in zip(fixed[-1], fixed[0], strict=True)]
        goes_on = _is_alike(texts.gather_every(width, width - 1), between, of)
        goes_on[:-1] &= of[:-1] == of[1:]
        is_inside = goes_on & np.append(False, goes_on[:-1])
        rest = np.flatnonzero(is_fit & ~is_inside)
        is_fit[rest] = self._is_framed_by(rows[rest], edges[rest], fixed[0], fixed[-1], of[rest])
        fit = np.flatnonzero(is_fit)
        rows, of = rows[fit], of[fit]
        self._said.meanings[rows] = np.array([one.meaning for one in learned], np.int32)[of]
        for name, at in kind.filled:
            value = texts.gather_every(width, 2 * at).gather(fit).cast(pl.String)
            self._said.own(name, rows, values.decoded(value, np.flatnonzero(escaped[at][fit])))
        for at, name in enumerate(kind.steady):
            self._said.own(name, rows, values.unescaped(_column([one.alike[at] for one in learned])).gather(of))

    def _edges(self, rows: Offsets, kind: _Kind, sizes: Sequence[Offsets]) -> tuple[_Edges, list[Flags], Flags]:
        """Where values start and end, a row a block; which of them hold escapes; which blocks have plain ones.

        `sizes` are those of what stands around the values.
        """
        starts, stops = self._framed.starts[rows], self._framed.stops[rows]
        edges = np.empty((len(rows), 2 * len(kind.is_number)), np.int64)
        escaped: list[Flags] = []
        is_fit: Flags = np.ones(len(rows), bool)
        at = starts + sizes[0]
        for hole, is_number in enumerate(kind.is_number):
            ends, has_escapes = self._content.number_ends(at) if is_number else self._content.text_ends(at)
            is_fit &= ends > at
            edges[:, 2 * hole], edges[:, 2 * hole + 1] = at, ends
            escaped.append(has_escapes)
            at = ends + sizes[hole + 1]
        is_fit &= at == stops
        edges[~is_fit] = starts[~is_fit][:, None]
        return edges, escaped, is_fit

    def _is_framed_by(
        self, rows: Offsets, edges: _Edges, firsts: Sequence[bytes], lasts: Sequence[bytes], of: Offsets
    ) -> Flags:
        """Which blocks have the first part before their values and the last part behind."""
        starts, stops = self._framed.starts[rows], self._framed.stops[rows]
        outer = np.stack([starts, edges[:, 0], edges[:, -1], stops], axis=1)
        texts = cut(self._content.bytes, np.append(outer.ravel(), outer[-1:, -1]))
        return _is_alike(texts.gather_every(4, 0), firsts, of) & _is_alike(texts.gather_every(4, 2), lasts, of)

    def _read_each(self, left: Offsets) -> None:
        """Say what these blocks mean one by one."""
        meanings, owned = one_by_one(zip(left.tolist(), self._texts(left), strict=True), self._blocks)
        self._said.meanings[list(meanings)] = list(meanings.values())
        for name, found in owned.items():
            self._said.own(name, np.array([*found]), pl.Series([*found.values()], dtype=pl.String))


def _shown(shown: Iterable[bytes], late: bytes, blocks: Blocks) -> _Learned | None:
    """What the first of these blocks shows that has a skeleton; `late` is another of the stream."""
    found = ((block, blocks.find(block)) for block in shown)
    return next((_learned(block, one, late, blocks) for block, one in found if one), None)


def _learned(block: bytes, found: Found, late: bytes, blocks: Blocks) -> _Learned | None:
    """Tell the values that vary from those that are steady; None where none varies."""
    known, spans = found
    others = known.spans(late)
    moved = tuple(hole for hole in known.steady if others and not _is_same(block, spans[hole], late, others[hole]))
    plan = known.plans.get(moved) or known.plans.setdefault(moved, _plan(known, moved, blocks))
    if not plan.varying:
        return None
    edges = [0]
    for hole in plan.varying:
        edges += spans[hole]
    edges.append(len(block))
    parts = tuple([block[edges[at] : edges[at + 1]] for at in range(0, len(edges), 2)])
    return _Learned(plan.kind, known.number, parts, tuple([block[slice(*spans[hole])] for hole in plan.alike]))


def _is_same(block: bytes, span: tuple[int, int], late: bytes, other: tuple[int, int]) -> bool:
    return block[slice(*span)] == late[slice(*other)]


def _plan(known: Known, moved: Sequence[int], blocks: Blocks) -> _Plan:
    """How to read events of a skeleton; of the steady holes some were seen to vary all the same."""
    holes, filled = known.skeleton.holes, blocks.meanings[known.number].filled
    varying = [hole for hole in range(len(holes)) if hole not in known.steady or hole in moved]
    own = tuple((name, varying.index(hole)) for name, hole in filled if hole in varying)
    alike = [(name, hole) for name, hole in filled if hole not in varying]
    kind = _Kind(tuple(holes[hole].is_number for hole in varying), own, tuple(name for name, _ in alike))
    return _Plan(kind, varying, [hole for _, hole in alike])


def _sizes(parts: Sequence[bytes]) -> Offsets:
    return np.array([len(part) for part in parts], np.int64)


def _column(parts: Sequence[bytes]) -> pl.Series:
    return pl.Series([part.decode() for part in parts], dtype=pl.String)


def _is_alike(texts: pl.Series, parts: Sequence[bytes], of: Offsets) -> Flags:
    """Which texts are the part that they are to be."""
    known = pl.Series([*parts] if len(set(parts)) > 1 else [parts[0]], dtype=pl.Binary)  # One is compared with all.
    found: Flags = (texts == (known if len(known) == 1 else known.gather(of))).to_numpy()
    return found
