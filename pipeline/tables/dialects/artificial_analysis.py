"""Artificial Analysis' published methodology, as of autumn 2026."""

import polars as pl

from pipeline.tables.dialects._contract import Dialect, Formula, Tokens
from pipeline.tables.dialects._formulas import ttft
from pipeline.tables.dialects._marks import FIRST, FIRST_EVENT_TOKENS, LAST, SENT, SUCCEEDED, TOKEN, tokens
from pipeline.tables.dialects._percentiles import LINEAR

_ANSWER_TOKENS = 500

_RECOUNTED = tokens("", "recounted")
_TOKENS = Tokens(
    "cut by o200k_base, whatever the model; here by the model's own tokenizer, which stands in for it",
    _RECOUNTED.value,
    pl.when(_RECOUNTED.value.is_not_null()).then(pl.lit("recounted, for o200k_base")),
)
_LATER = _TOKENS.value - FIRST_EVENT_TOKENS
_SPEED = pl.when((_LATER > 0) & (LAST > FIRST)).then(_LATER * 1e9 / (LAST - FIRST))
_TTFT = ttft(SENT, "the request is sent")

DIALECTS = (
    Dialect(
        "artificial-analysis",
        "2026",
        is_token=TOKEN,
        tokens=_TOKENS,
        counts=SUCCEEDED,
        formulas={
            "ttft_ms": _TTFT,
            "output_speed_tok_s": Formula(
                "(tokens − tokens of the first chunk) / (last token − first token)", _SPEED
            ),
            "e2e_ms": Formula(
                f"synthetic: TTFT + {_ANSWER_TOKENS} tokens / output speed",
                _TTFT.value + _ANSWER_TOKENS * 1000 / _SPEED,
            ),
        },
        percentile=LINEAR,
        note="Publishes the median over 72 hours; here it is that of the night. Which requests it drops is not "
        "published; here, those without metrics.",
    ),
)
