"""EvalScope's `evalscope perf`, 1.14.1."""

from pipeline.tables.dialects._contract import Dialect
from pipeline.tables.dialects._formulas import after_first, e2e, gaps, ttft
from pipeline.tables.dialects._marks import CONTENT_OR_REASONING, IS_OK, LAST_CHUNK, SENT, WELL_FRAMED, tokens
from pipeline.tables.dialects._percentiles import NEAREST_RANK

_TOKENS = tokens("usage, else retokenised", "reported", "recounted")

DIALECTS = (
    Dialect(
        "evalscope",
        "1.14.1",
        is_token=CONTENT_OR_REASONING,
        tokens=_TOKENS,
        counts=IS_OK & WELL_FRAMED,
        formulas={
            "ttft_ms": ttft(SENT, "start of the call, on a pooled connection"),
            "itl_ms": gaps(),
            "tpot_ms": after_first(LAST_CHUNK, _TOKENS, "(latency − TTFT) / (tokens − 1)"),
            "e2e_ms": e2e(SENT, LAST_CHUNK, "last chunk before [DONE], which is the usage chunk − start"),
        },
        percentile=NEAREST_RANK,
        note="Counts in-band errors and streams that merely stop as successes.",
    ),
)
