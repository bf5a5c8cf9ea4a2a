"""One row a pair of targets that claim one model, and probe: how far their greedy answers are the same text.

Greedy text is no fingerprint: two engines round differently, and after one near tie each goes its own way. What is
judged is therefore the beginning alone: the first ten tokens, in half of the prompts. Where two endpoints part at
one token in a hundred, a pair passes six prompts 99.9 times in a hundred, at three in a hundred 96 times. Two
different models that part at every third token pass once in 2,000 times, at every fifth twice in a hundred.
(Binomial, each token by itself; who stands apart is judged by all pairs together.)
"""

import re
from collections.abc import Iterator, Sequence
from itertools import combinations
from statistics import fmean, median
from typing import Any, NamedTuple

import polars as pl

from pipeline.decode import tokens

INPUTS = ("probe_answers",)

SAME_TOKENS = 10
"""Two answers agree where so many first tokens are the same, or all of the shorter one."""

_GROUP = ("night", "model", "family", "provenance", "probe", "prompts_sha256")

COLUMNS = {
    "night": "UTC date on which the night began",
    "model": "Model of the plan, which both claim to serve",
    "family": "Models that one chart compares",
    "provenance": "measured, imported, published or simulated; of both targets",
    "probe": "The probe, as named in the plan",
    "target": "Endpoint under test",
    "other": "Endpoint that it is compared with",
    "precision": "Precision that the target claims; null where it claims none",
    "other_precision": "Precision that the other claims; null where it claims none",
    "is_same_claim": "False where both claim a precision, and not the same one: such a pair is not judged",
    "unit": "What a text is cut into: tokens of the model's own tokenizer, or words where it is not known",
    "prompts": "Prompts that both answered, and with reasoning shown by both or by neither",
    "prompts_agreeing": f"Of these, answers whose first {SAME_TOKENS} tokens are the same (or all of the shorter)",
    "prefix_chars": "Longest common prefix of the two answers in characters; median over the prompts",
    "prefix_tokens": "Longest common prefix in tokens (or words); median over the prompts",
    "token_agreement": "Share of the longer answer at whose places both have the same token; mean over prompts",
    "agrees": "prompts_agreeing is at least half of prompts: both may well serve the same model",
}

_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    **dict.fromkeys(COLUMNS, pl.String),
    "night": pl.Date,
    **dict.fromkeys(("is_same_claim", "agrees"), pl.Boolean),
    **dict.fromkeys(("prompts", "prompts_agreeing"), pl.Int64),
    **dict.fromkeys(("prefix_chars", "prefix_tokens", "token_agreement"), pl.Float64),
}


class Answer(NamedTuple):
    """What a target answered: its text, and the text in pieces. `has_reasoning`: it lets its reasoning be seen."""

    text: str
    pieces: Sequence[object]
    has_reasoning: bool


class Likeness(NamedTuple):
    """How far two answers are the same."""

    chars: int
    tokens: int
    share: float
    agrees: bool


def build(probe_answers: pl.DataFrame) -> pl.DataFrame:
    """Every target with every other that claims the same model; the last answer of a night counts."""
    last = probe_answers.sort("request_id").unique([*_GROUP, "target", "prompt_index"], keep="last")
    rows = [
        {**dict(zip(_GROUP, key, strict=True)), **row}
        for key, group in last.sort("target", "prompt_index").group_by(*_GROUP, maintain_order=True)
        for row in _pairs(group)
    ]
    found = pl.DataFrame([{name: row[name] for name in COLUMNS} for row in rows], schema=_SCHEMA)
    return found.sort("night", "model", "provenance", "probe", "target", "other")


def _pairs(group: pl.DataFrame) -> Iterator[dict[str, Any]]:
    specs = group["tokenizer"].unique().to_list()
    tokenizer = (
        specs[0] if len(specs) == 1 else None
    )  # two claims of one model, and two tokenizers: words are common
    said: dict[str, dict[int, Answer]] = {}
    for row in group.iter_rows(named=True):
        said.setdefault(row["target"], {})[row["prompt_index"]] = _answer(row, tokenizer)
    claimed = dict(group.select("target", "precision").iter_rows())
    for target, other in combinations(said, 2):
        found = [
            likeness(said[target][prompt], said[other][prompt])
            for prompt in sorted(said[target].keys() & said[other].keys())
            if said[target][prompt].has_reasoning == said[other][prompt].has_reasoning
        ]
        if found:
            ours, theirs = claimed[target], claimed[other]
            yield {
                "target": target,
                "other": other,
                "precision": ours,
                "other_precision": theirs,
                "is_same_claim": ours is None or theirs is None or ours == theirs,
                "unit": "tokens" if tokenizer else "words",
                **_taken(found),
            }


def _taken(found: list[Likeness]) -> dict[str, Any]:
    agreeing = sum(one.agrees for one in found)
    return {
        "prompts": len(found),
        "prompts_agreeing": agreeing,
        "prefix_chars": float(median(one.chars for one in found)),
        "prefix_tokens": float(median(one.tokens for one in found)),
        "token_agreement": fmean(one.share for one in found),
        "agrees": 2 * agreeing >= len(found),
    }


def _answer(row: dict[str, Any], tokenizer: str | None) -> Answer:
    text = (row["reasoning"] or "") + (row["content"] or "")
    pieces = tokens.ids(tokens.load(tokenizer), text) if tokenizer else _words(text, row["status"])
    return Answer(text, pieces, row["reasoning"] is not None)


def _words(text: str, status: str) -> list[str]:
    """Words, each with the blanks before it; of a text that was cut off, the last may be half a word."""
    found: list[str] = re.findall(r"\s*\S+", text)
    return found[:-1] if status == "length" else found


def likeness(ours: Answer, theirs: Answer) -> Likeness:
    """Compare two answers."""
    shared = _prefix(ours.pieces, theirs.pieces)
    lengths = len(ours.pieces), len(theirs.pieces)
    same = sum(one == other for one, other in zip(ours.pieces, theirs.pieces, strict=False))
    return Likeness(
        chars=_prefix(ours.text, theirs.text),
        tokens=shared,
        share=same / max(lengths) if max(lengths) else 0.0,
        agrees=shared >= min(SAME_TOKENS, *lengths) > 0,
    )


def _prefix(ours: Sequence[object], theirs: Sequence[object]) -> int:
    """How many pieces the longest common prefix has."""
    pairs = enumerate(zip(ours, theirs, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(ours), len(theirs)))
