"""LLMPerf at f1d6bed4, its last commit: the tool behind the leaderboard of 2023."""

import polars as pl

from pipeline.tables.dialects._contract import Dialect, Formula, Tokens
from pipeline.tables.dialects._formulas import e2e, ms, ttft
from pipeline.tables.dialects._marks import (
    BODY_END,
    CHUNKS,
    CONNECTING,
    CONTENT,
    IS_OK,
    LAST,
    NO_ERROR,
    WELL_FRAMED,
    tokens,
)
from pipeline.tables.dialects._percentiles import LINEAR

_RECOUNTED = tokens("", "recounted")
_TOKENS = Tokens(
    "its text cut by Llama 2's tokenizer, whatever the model; here by the model's own, which stands in for it",
    _RECOUNTED.value,
    pl.when(_RECOUNTED.value.is_not_null()).then(pl.lit("recounted, for Llama 2's tokenizer")),
)

DIALECTS = (
    Dialect(
        "llmperf",
        "f1d6bed4",
        is_token=CONTENT,
        tokens=_TOKENS,
        counts=IS_OK & WELL_FRAMED & NO_ERROR,
        formulas={
            "ttft_ms": ttft(CONNECTING, "start of the call, which opens a connection"),
            "itl_ms": Formula(
                "(sum of the gaps, the TTFT among them) / number of SSE chunks, one figure a request",
                pl.when(CHUNKS > 0).then(ms(LAST - CONNECTING) / CHUNKS),
            ),
            "e2e_ms": e2e(CONNECTING, BODY_END, "end of the stream − start"),
        },
        percentile=LINEAR,
        note="Has no TPOT. Does not ask for usage; chunks that hold nothing else are left out here. An in-band "
        "error is a failure; a stream that merely stops is a success.",
        ddof=1,
    ),
)
