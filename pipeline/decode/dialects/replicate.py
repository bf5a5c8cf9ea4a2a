"""Replicate's streams: `output` events of plain text, then `done` with a reason where the answer is not whole."""

from pipeline.decode import errors, lenient
from pipeline.decode.delta import NOTHING, Decode, Delta


def decode(event_type: str, data: bytes) -> Delta:
    """Say what one event of a prediction holds."""
    if event_type == "output":
        text = data.decode("utf-8", "replace")
        return Delta(text, has_token=bool(text))
    if event_type == "done":
        return Delta(finish_reason=_reason(lenient.loads(data)))
    failure = errors.of_event(event_type, data) if event_type == "error" else errors.NONE
    return Delta(error_code=failure.code, error_message=failure.message) if any(failure) else NOTHING


def _reason(said: object) -> str:
    reason = said.get("reason") if isinstance(said, dict) else None
    return lenient.mend(reason) if reason and isinstance(reason, str) else "done"


DIALECTS: dict[str, Decode] = {"replicate": decode}
