"""AIPerf 0.13: with its own count of tokens, and with the server's (`--use-server-token-count`)."""

from pipeline.tables.dialects._contract import Dialect, Tokens
from pipeline.tables.dialects._formulas import after_first, e2e, ttft
from pipeline.tables.dialects._marks import (
    CONNECTING,
    CONTENT_OR_REASONING,
    HAS_FIRST,
    IS_OK,
    LAST,
    WELL_FRAMED,
    tokens,
)
from pipeline.tables.dialects._percentiles import LINEAR


def _dialect(name: str, count: Tokens) -> Dialect:
    return Dialect(
        name,
        "0.13",
        is_token=CONTENT_OR_REASONING,
        tokens=count,
        counts=IS_OK & WELL_FRAMED & HAS_FIRST,
        formulas={
            "ttft_ms": ttft(CONNECTING, "before the request, connecting included unless the connection is reused"),
            "itl_ms": after_first(LAST, count, "(E2E − TTFT) / (tokens − 1), one figure a request"),
            "e2e_ms": e2e(CONNECTING, LAST, "last content event − before the request"),
        },
        percentile=LINEAR,
        note="Has no TPOT: its ITL is what others call so. A stream that merely stops is a success.",
    )


DIALECTS = (
    _dialect("aiperf", tokens("retokenised", "recounted")),
    _dialect("aiperf-server-count", tokens("usage", "reported")),
)
