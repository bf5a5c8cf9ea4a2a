"""genai-bench 0.0.5."""

import polars as pl

from pipeline.tables.dialects._contract import Dialect, Formula
from pipeline.tables.dialects._formulas import after_first, e2e, ttft
from pipeline.tables.dialects._marks import (
    BODY_END,
    CONNECTING,
    CONTENT_OR_REASONING,
    DONE,
    HAS_FIRST,
    IS_OK,
    NO_ERROR,
    USAGE,
    WELL_FRAMED,
    tokens,
)
from pipeline.tables.dialects._percentiles import LINEAR

_TOKENS = tokens("usage, else retokenised", "reported", "recounted")
_END = pl.coalesce(USAGE, DONE, BODY_END)
_TPOT = after_first(_END, _TOKENS)

DIALECTS = (
    Dialect(
        "genai-bench",
        "0.0.5",
        is_token=CONTENT_OR_REASONING,
        tokens=_TOKENS,
        counts=IS_OK & WELL_FRAMED & HAS_FIRST & NO_ERROR,
        formulas={
            "ttft_ms": ttft(CONNECTING, "start of the call, which opens a connection"),
            "tpot_ms": Formula(f"{_TPOT.text}, dropped under 1 ms", pl.when(_TPOT.value >= 1).then(_TPOT.value)),
            "e2e_ms": e2e(CONNECTING, _END, "usage chunk, else [DONE], else the end of the body − start"),
        },
        percentile=LINEAR,
        note="Has no ITL. An in-band error is a failure; a stream that merely stops is a success.",
    ),
)
