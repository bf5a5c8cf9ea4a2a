"""GuideLLM 0.8.1."""

import polars as pl

from pipeline.tables.dialects._contract import Dialect, Formula
from pipeline.tables.dialects._formulas import after_first, e2e, ms, ttft
from pipeline.tables.dialects._marks import (
    BODY_END,
    CONTENT_OR_REASONING,
    DONE,
    IS_OK,
    LAST,
    SENT,
    WELL_FRAMED,
    tokens,
)
from pipeline.tables.dialects._percentiles import INVERSE_CDF

_TOKENS = tokens("usage, else the number that was requested", "reported", "requested")
_END = pl.coalesce(DONE, BODY_END)

DIALECTS = (
    Dialect(
        "guidellm",
        "0.8.1",
        is_token=CONTENT_OR_REASONING,
        tokens=_TOKENS,
        counts=IS_OK & WELL_FRAMED,
        formulas={
            "ttft_ms": ttft(SENT, "start of the request, connecting excluded"),
            "itl_ms": after_first(LAST, _TOKENS, "(last token − first token) / (tokens − 1), one figure a request"),
            "tpot_ms": Formula(
                "(last token − start) / tokens: the TTFT is in it",
                pl.when(_TOKENS.value > 0).then(ms(LAST - SENT) / _TOKENS.value),
            ),
            "e2e_ms": e2e(SENT, _END, "[DONE] or the end of the body − start"),
        },
        percentile=INVERSE_CDF,
        note="Counts in-band errors and streams that merely stop as successes.",
    ),
)
