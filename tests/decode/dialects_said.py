"""How tests put JSON through a dialect, and JSON that hypothesis makes up from a dialect's own words."""

import json
from typing import Any

from hypothesis import strategies as st

from pipeline.decode.delta import Delta
from pipeline.decode.dialects import decoder


def said(dialect: str, value: Any, event_type: str = "message") -> Delta:
    return decoder(dialect)(event_type, value if isinstance(value, bytes) else json.dumps(value).encode())


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
SCALARS |= st.sampled_from(["error", "\ud83d", "stop", 2**63, -1, "7", "9" * 30, "1e999", "nan", "SAFETY"])


def values(*keys: str) -> st.SearchStrategy[Any]:
    """JSON whose objects have these keys."""
    return st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(keys), inner, max_size=5),
        max_leaves=20,
    )
