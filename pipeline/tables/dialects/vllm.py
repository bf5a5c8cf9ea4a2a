"""vLLM's `vllm bench serve`, 0.33, on its chat endpoint."""

import polars as pl

from pipeline.tables.dialects._contract import Dialect
from pipeline.tables.dialects._formulas import after_first, e2e, gaps, ttft
from pipeline.tables.dialects._marks import CONTENT, HAS_FIRST, IS_OK, LAST, SENT, WELL_FRAMED, tokens
from pipeline.tables.dialects._percentiles import LINEAR

_EMPTY_WITHOUT_ROLE = (pl.col("content") == "") & pl.col("role").is_null()
_REASONING = (pl.col("reasoning") != "").fill_null(value=False) & (pl.col("reasoning_field") != "reasoning_content")
_TOOL_CALLS = pl.col("has_token") & pl.col("tool_calls").is_not_null()
_TOKENS = tokens("usage, else retokenised", "reported", "recounted")

DIALECTS = (
    Dialect(
        "vllm",
        "0.33",
        is_token=(CONTENT | _REASONING | _TOOL_CALLS | _EMPTY_WITHOUT_ROLE).fill_null(value=False),
        tokens=_TOKENS,
        counts=IS_OK & WELL_FRAMED & HAS_FIRST,
        formulas={
            "ttft_ms": ttft(SENT, "start of the call, on a pooled connection"),
            "itl_ms": gaps(),
            "tpot_ms": after_first(LAST, _TOKENS),
            "e2e_ms": e2e(SENT, LAST, "last token-bearing event − start"),
        },
        percentile=LINEAR,
        note="Counts in-band errors and streams that merely stop as successes. Text in `reasoning_content` is no "
        "token; empty content without a role is one.",
        ddof=0,
    ),
)
