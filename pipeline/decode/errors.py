"""Errors as providers write them into JSON: one code and one message, whatever the shape.

Shapes seen: `{"error": {"code", "message", "type"}}`, `{"error": "text", "error_type"}`,
`{"object": "error", "message", "code"}`, FastAPI's `{"detail": …}`, Cloudflare's `{"errors": […]}`,
Groq's `{"x_groq": {"error": …}}`, MiniMax' `{"base_resp": {"status_code", "status_msg"}}`, and on a
failed HTTP status a bare `{"message": …}`.
"""

from typing import Any, NamedTuple

from pipeline.decode import lenient
from pipeline.decode.lenient import mend

_CODES = ("code", "type", "error_type", "status", "status_code")
_MESSAGES = ("message", "msg", "detail", "error", "status_msg")


class Failure(NamedTuple):
    """What a provider says went wrong: at least one of the two, or neither where nothing did."""

    code: str | None
    message: str | None


NONE = Failure(None, None)


def find(value: Any) -> Failure:
    """Return the error that a JSON value reports, or `NONE`; of a list, the first one in it."""
    if isinstance(value, list):
        reports = (find(item) for item in value if isinstance(item, dict))
        return next((failure for failure in reports if failure != NONE), NONE)
    if not isinstance(value, dict):
        return NONE
    for key in ("error", "errors", "detail"):
        if value.get(key):
            return describe(value[key], value)
    if value.get("object") == "error" or value.get("type") == "error":
        return describe(value, {})
    return _find_vendor(value)


def of_event(event_type: str, data: bytes) -> Failure:
    """The error that an event reports: in JSON, or, where its type is `error`, in whatever it holds."""
    value = lenient.loads(data)
    found = find(value)
    if found != NONE or event_type != "error":
        return found
    if isinstance(value, dict):
        return describe(value, {})
    return Failure(None, data.decode("utf-8", "replace") or "an error event without data")


def describe(said: Any, around: dict[str, Any]) -> Failure:
    """Boil `said`, the error itself, down to code and message; `around` may hold what it lacks."""
    if isinstance(said, list) and said:
        said = said[0]
    inner = said if isinstance(said, dict) else {}
    code = _first(inner, _CODES) or _first(around, ("error_type", "code", "status_code"))
    message = _text(said) or _first(inner, _MESSAGES) or _first(around, ("message",))
    return Failure(code, message or (None if code else "an error without code or message"))


def _find_vendor(value: dict[str, Any]) -> Failure:
    groq, minimax = value.get("x_groq"), value.get("base_resp")
    if isinstance(groq, dict) and groq.get("error"):
        return describe(groq["error"], {})
    if isinstance(minimax, dict) and minimax.get("status_code"):
        return Failure(_text(minimax["status_code"]), _text(minimax.get("status_msg")))
    return NONE


def _first(value: dict[str, Any], keys: tuple[str, ...]) -> str | None:
    return next((text for key in keys if (text := _text(value.get(key)))), None)


def _text(value: object) -> str | None:
    """Text or a number as text; None for anything else, and for the empty text."""
    if isinstance(value, str):
        return mend(value) or None
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
