"""Our own definitions (see `metrics`), in the shape of the others."""

from pipeline import __version__
from pipeline.tables.dialects._contract import Dialect, Formula, Tokens
from pipeline.tables.dialects._marks import SUCCEEDED, TOKEN, TOKEN_SOURCE, TOKENS_USED
from pipeline.tables.dialects._percentiles import LINEAR
from pipeline.tables.metrics import METRICS

_SHOWN = ("ttft_ms", "tpot_ms", "e2e_ms", "output_speed_tok_s")

DIALECTS = (
    Dialect(
        "tokenclock",
        __version__,
        is_token=TOKEN,
        tokens=Tokens(
            "recounted by the model's own tokenizer where it is known, else usage", TOKENS_USED, TOKEN_SOURCE
        ),
        counts=SUCCEEDED,
        formulas={name: Formula(METRICS[name].formula, METRICS[name].expression()) for name in _SHOWN},
        percentile=LINEAR,
        note="Counts requests that ended as complete or length, and no others.",
    ),
)
