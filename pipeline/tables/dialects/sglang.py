"""SGLang's `bench_serving`, 0.5.23, on its chat endpoint."""

from pipeline.tables.dialects._contract import Dialect
from pipeline.tables.dialects._formulas import after_first, e2e, gaps, ttft
from pipeline.tables.dialects._marks import (
    CONNECTING,
    CONTENT_OR_REASONING,
    IS_OK,
    LAST_LINE,
    WELL_FRAMED,
    tokens,
)
from pipeline.tables.dialects._percentiles import LINEAR

_TOKENS = tokens("usage if there is one, else the number that was requested", "reported", "requested")

DIALECTS = (
    Dialect(
        "sglang",
        "0.5.23",
        is_token=CONTENT_OR_REASONING,
        tokens=_TOKENS,
        counts=IS_OK & WELL_FRAMED,
        formulas={
            "ttft_ms": ttft(CONNECTING, "start of the call, which opens a connection"),
            "itl_ms": gaps(),
            "tpot_ms": after_first(LAST_LINE, _TOKENS),
            "e2e_ms": e2e(CONNECTING, LAST_LINE, "last line of any kind, usage and [DONE] included − start"),
        },
        percentile=LINEAR,
        note="Counts every answer with status 200 whose body ends, even without a token. Does not ask for usage by "
        "itself, and then takes the requested length for the real one.",
        ddof=0,
    ),
)
