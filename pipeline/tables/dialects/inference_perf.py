"""inference-perf 0.7."""

from pipeline.tables.dialects._contract import Dialect
from pipeline.tables.dialects._formulas import after_first, e2e, token_gaps, ttft
from pipeline.tables.dialects._marks import BODY_END, CONTENT, IS_OK, LAST, SENT, WELL_FRAMED, tokens
from pipeline.tables.dialects._percentiles import LINEAR

_TOKENS = tokens("retokenised", "recounted")

DIALECTS = (
    Dialect(
        "inference-perf",
        "0.7",
        is_token=CONTENT,
        tokens=_TOKENS,
        counts=IS_OK & WELL_FRAMED,
        formulas={
            "ttft_ms": ttft(SENT, "start of the call, on a pooled connection"),
            "itl_ms": token_gaps(),
            "tpot_ms": after_first(LAST, _TOKENS, "(last token − first token) / (tokens − 1)"),
            "e2e_ms": e2e(SENT, BODY_END, "end of the body − start"),
        },
        percentile=LINEAR,
        note="Content alone is a token: reasoning is not. Counts in-band errors and streams that merely stop as "
        "successes.",
    ),
)
