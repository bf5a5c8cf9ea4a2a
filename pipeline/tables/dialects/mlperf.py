"""MLPerf Inference 5.1, as its load generator logs it."""

from pipeline.tables.dialects._contract import Dialect
from pipeline.tables.dialects._formulas import after_first, e2e, ttft
from pipeline.tables.dialects._marks import BODY_END, SCHEDULED, SUCCEEDED, TOKEN, tokens
from pipeline.tables.dialects._percentiles import SORTED_AT

_TOKENS = tokens("declared by the system under test", "reported")

DIALECTS = (
    Dialect(
        "mlperf-inference",
        "5.1",
        is_token=TOKEN,
        tokens=_TOKENS,
        counts=SUCCEEDED,
        formulas={
            "ttft_ms": ttft(SCHEDULED, "when the request was scheduled"),
            "tpot_ms": after_first(BODY_END, _TOKENS, "(latency − first token) / (tokens − 1)"),
            "e2e_ms": e2e(SCHEDULED, BODY_END, "query complete − scheduled"),
        },
        percentile=SORTED_AT,
        note="Whether a percentile is shown with so few queries is in `early_stopping`. No MLPerf result: model, "
        "prompts and load are the plan's.",
    ),
)
