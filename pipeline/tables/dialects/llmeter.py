"""LLMeter 0.2 on OpenAI's chat."""

from pipeline.tables.dialects._contract import Dialect
from pipeline.tables.dialects._formulas import after_first, e2e, ttft
from pipeline.tables.dialects._marks import CONTENT, IS_OK, LAST, NO_ERROR, SENT, WELL_FRAMED, tokens
from pipeline.tables.dialects._percentiles import EXCLUSIVE

_TOKENS = tokens("usage", "reported")

DIALECTS = (
    Dialect(
        "llmeter",
        "0.2",
        is_token=CONTENT,
        tokens=_TOKENS,
        counts=IS_OK & WELL_FRAMED & NO_ERROR,
        formulas={
            "ttft_ms": ttft(SENT, "start of the call"),
            "tpot_ms": after_first(LAST, _TOKENS, "(time to last token − TTFT) / (tokens − 1)"),
            "e2e_ms": e2e(SENT, LAST, "last content − start"),
        },
        percentile=EXCLUSIVE,
        note="Has no ITL. Content alone is a token. An in-band error is a failure; a stream "
        "that merely stops is a success.",
    ),
)
