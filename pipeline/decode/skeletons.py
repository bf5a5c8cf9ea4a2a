"""Events of a stream differ in a word or two: understand what repeats once, and pick the words from the rest.

A skeleton is a block's text with holes where the values of some keys stood, `Slots` that the dialect names:
strings, or whole numbers. Blocks with one skeleton mean the same but for those values, because a plain string
(well formed, ended by the first bare quote) never changes how the JSON around it is read. So the dialect
decodes the skeleton with two different probes in each hole: where a probe comes out as a whole column, every
block's own value goes there, and where anything else moves, each block is decoded by itself. Empty strings
and zeros are part of the skeleton. A key that no dialect names makes more skeletons, never other answers.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import numpy as np
import polars as pl

from pipeline.decode.delta import Decode, Slots
from pipeline.decode.meanings import Meaning, Skeleton, as_it_stands, shared

MAX_HOLES = 4
_ROUNDS = 3
_WORTHWHILE = 8  # Blocks of a response that are cheaper to fit than to decode one by one.
_NO_EVENT, _UNFIT = -1, -2

_ESCAPE = (
    r'\\["\\/bfnrt]|\\u[0-9a-ce-fA-CE-F][0-9a-fA-F]{3}|\\u[dD][0-7][0-9a-fA-F]{2}'
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
_PLAIN = r'^([^"\\\x00-\x1f]*)"'
_STRING = rf'^((?:[^"\\\x00-\x1f]|{_ESCAPE})*)"'
_NUMBER = r"^(0|[1-9][0-9]{0,14})[,}\]]"


class _Hole(NamedTuple):
    """Where a value stands: the text that leads to it, and whether it is a number."""

    lead: str
    is_number: bool


def understand(blocks: pl.DataFrame, speak: Decode, slots: Slots, meanings: list[Meaning]) -> pl.DataFrame:
    """Say what each block means: `row`, `meaning` and, raw, `hole_0` …; blocks that are no event have no row.

    `blocks` has `row`, `response` and `block`, the text between two blank lines; `meaning` is a position in
    `meanings`, which grows.
    """
    found, rest = [], blocks
    for _ in range(_ROUNDS):
        fitted = [_fit(group, holes, speak, meanings) for holes, group in _alike(rest, slots)]
        if not fitted:
            break
        found += fitted
        done = pl.concat([part["row"] for part in fitted])
        rest = rest.join(done.to_frame(), on="row", how="anti", maintain_order="left")
    found.append(_one_by_one(rest, speak, meanings))
    return pl.concat(found, how="diagonal").filter(pl.col("meaning") != _NO_EVENT).sort("row")


def _alike(blocks: pl.DataFrame, slots: Slots) -> Iterator[tuple[tuple[_Hole, ...], pl.DataFrame]]:
    """Responses whose middle blocks have the same holes, where that is worth while."""
    middle = pl.col("block").get(pl.len() // 2)
    samples = blocks.group_by("response", maintain_order=True).agg(middle, count=pl.len())
    alike = defaultdict(list)
    for response, block, _ in samples.filter(pl.col("count") >= _WORTHWHILE).iter_rows():
        alike[_holes(block, slots)].append(response)
    for holes, responses in alike.items():
        if holes:
            yield holes, blocks.filter(pl.col("response").is_in(responses))


def _holes(block: str, slots: Slots) -> tuple[_Hole, ...]:
    found = [_Hole(lead[0], lead["number"] is not None) for lead in _leads(slots).finditer(block)]
    return tuple(found[:MAX_HOLES])


def _leads(slots: Slots) -> re.Pattern[str]:
    """Matches what stands before a value: the key, as written with or without a blank behind the colon."""
    texts, numbers = ("|".join(keys) or "(?!)" for keys in slots)
    return re.compile(rf'"(?:{texts})": ?"|"(?P<number>{numbers})": ?(?=[0-9])')


def _fit(blocks: pl.DataFrame, holes: tuple[_Hole, ...], speak: Decode, meanings: list[Meaning]) -> pl.DataFrame:
    """Those of the blocks that have these holes and share their skeleton with others."""
    cut = blocks.select("row", rest="block")
    for position, hole in enumerate(holes):
        cut = _cut(cut, position, hole)
    keys = ["rest", *(f"{kind}_{position}" for kind in ("fixed", "blank") for position in range(len(holes)))]
    is_first = pl.any_horizontal(pl.col(key).ne_missing(pl.col(key).shift()) for key in keys)
    cut = cut.with_columns(run=is_first.cum_sum() - 1)
    lengths = np.bincount(cut["run"].to_numpy())
    firsts = cut.filter(is_first).group_by(keys, maintain_order=True).agg("run")
    meaning_of_run = np.full(len(lengths), _UNFIT)
    for *key, runs in firsts.iter_rows():
        if lengths[runs].sum() > 1:
            found = shared(_skeleton(key, holes), speak)
            meaning_of_run[runs] = _numbered(found, meanings) if found else _UNFIT
    cut = cut.with_columns(meaning=pl.Series(meaning_of_run[cut["run"].to_numpy()], dtype=pl.Int32))
    return cut.filter(pl.col("meaning") != _UNFIT).select("row", "meaning", pl.col("^hole_.*$"))


def _cut(blocks: pl.DataFrame, position: int, hole: _Hole) -> pl.DataFrame:
    """Cut one hole out of `rest`, and behind it go on; blocks that do not have it are left out."""
    rest = pl.col("rest").cast(pl.Binary)
    end = pl.col("rest").str.find(hole.lead, literal=True) + len(hole.lead.encode())
    blocks = blocks.with_columns(
        rest.bin.slice(0, end).alias(f"fixed_{position}"), rest=rest.bin.slice(end).cast(pl.String)
    )
    value = _values(blocks["rest"], is_number=hole.is_number)
    is_blank = value == ("0" if hole.is_number else "")
    blocks = blocks.with_columns(value.alias(f"hole_{position}"), is_blank.alias(f"blank_{position}"))
    return blocks.filter(value.is_not_null()).with_columns(
        rest=rest.bin.slice(pl.col(f"hole_{position}").str.len_bytes()).cast(pl.String)
    )


def _values(texts: pl.Series, *, is_number: bool) -> pl.Series:
    """The value that each text begins with, as it is written; null where it is none of the plain kind."""
    if is_number:
        return texts.str.extract(_NUMBER)
    plain = texts.str.extract(_PLAIN)
    odd = (plain.is_null() & texts.is_not_null()).arg_true()
    return plain.scatter(odd, texts.gather(odd).str.extract(_STRING)) if len(odd) else plain


def _skeleton(key: list[Any], holes: tuple[_Hole, ...]) -> Skeleton:
    rest, *fixed_and_blank = key
    fixed, is_blank = fixed_and_blank[: len(holes)], fixed_and_blank[len(holes) :]
    texts = tuple(part.decode() for part in fixed)
    return Skeleton((*texts, rest), tuple(hole.is_number for hole in holes), tuple(is_blank))


def _one_by_one(blocks: pl.DataFrame, speak: Decode, meanings: list[Meaning]) -> pl.DataFrame:
    """Decode every block as it stands, equal ones once."""
    known: dict[bytes, int] = {}
    texts = blocks["block"].cast(pl.Binary).to_list()
    for text in texts:
        if text not in known:
            found = as_it_stands(text, speak)
            known[text] = _numbered(found, meanings) if found else _NO_EVENT
    numbers = pl.Series("meaning", [known[text] for text in texts], pl.Int32)
    return blocks.select("row", numbers)


def _numbered(meaning: Meaning, meanings: list[Meaning]) -> int:
    meanings.append(meaning)
    return len(meanings) - 1


def unescaped(values: pl.Series) -> pl.Series:
    """The text that each value, written as in JSON, stands for."""
    odd = values.str.contains("\\", literal=True).fill_null(value=False).arg_true()
    if not len(odd):
        return values
    texts = '["' + '","'.join(values.gather(odd)) + '"]'
    return values.scatter(odd, pl.Series(msgspec.json.decode(texts, type=list[str])))
