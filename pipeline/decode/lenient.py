"""JSON that breaks the rules: take what fits a Struct type and leave the rest at its default.

Dialects decode strictly and come here only when that fails, so that one odd field of one event (a number
as text, a lone surrogate, NaN, a byte that is no UTF-8) never hides the rest of it.
"""

import json
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec

MOST = 2**63 - 1
"""The largest count that fits a column of 64-bit integers."""

S = TypeVar("S", bound=msgspec.Struct)

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""A number of tokens: what fits a column of 64-bit integers and is not below zero."""


def loads(data: bytes) -> Any:
    """Parse JSON as loosely as Python does; None where it is no JSON."""
    try:
        return json.loads(data.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return None


def decode(data: bytes, struct: type[S]) -> S | None:
    """Decode what fits `struct`; None where the data is no JSON object, or nested beyond all reason."""
    value = loads(data)
    try:
        return _struct(value, struct) if isinstance(value, dict) else None
    except RecursionError:
        return None


def read(strict: "msgspec.json.Decoder[S]", data: bytes) -> S | None:
    """Decode strictly, else what fits; None where the data is no JSON object."""
    try:
        return strict.decode(data)
    except (ValueError, RecursionError):
        return decode(data, strict.type)


def dumps(value: object) -> str:
    """JSON text of a value that came out of JSON; empty where there is none, or it is nested beyond all reason."""
    try:
        return "" if value is None else mend(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    except (ValueError, RecursionError):
        return ""


def mend(text: str) -> str:
    """Replace lone surrogates, half a character that UTF-8 cannot hold, by the replacement character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def count(value: object) -> int | None:
    """A count given as an integer, a whole float or digits; else None."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
    return value if isinstance(value, int) and is_count else None


def _struct(value: dict[str, Any], struct: type[S]) -> S:
    fields = msgspec.structs.fields(struct)
    fitted = {field.name: _fit(value.get(field.encode_name), field.type) for field in fields}
    return struct(**{name: item for name, item in fitted.items() if item is not None})


def _fit(value: object, hint: Any) -> Any:
    """Return the part of `value` that fits the type `hint`, or None."""
    if hint is Any:
        return value
    if get_origin(hint) is Annotated:
        return _fit(value, get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return next((fit for option in get_args(hint) if (fit := _fit(value, option)) is not None), None)
    if get_origin(hint) is list and isinstance(value, list):
        return [fit for item in value if (fit := _fit(item, get_args(hint)[0])) is not None]
    return _fit_scalar(value, hint)


def _fit_scalar(value: object, hint: Any) -> Any:
    if hint is str and isinstance(value, str):
        return mend(value)
    if hint is int:
        return count(value)
    if hint is bool:
        return value if isinstance(value, bool) else None
    is_struct = isinstance(hint, type) and issubclass(hint, msgspec.Struct)
    return _struct(value, hint) if is_struct and isinstance(value, dict) else None
