"""What a request asks for: OpenAI's JSON, read strictly, or a clear refusal."""

import re
import secrets
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from pipeline.collect.engines.openvino_server.wire import Message, Sampling

_NAMED = re.compile(r"`\$\.?(?P<path>[^`]+)`|field `(?P<field>[^`]+)`")


class BadRequestError(Exception):
    """A request that is refused, in the terms of OpenAI's error object."""

    def __init__(self, message: str, param: str | None, code: str | None, status: int = 400) -> None:
        super().__init__(message)
        self.param, self.code, self.status = param, code, status


class _TextPart(msgspec.Struct, tag_field="type", tag="text", frozen=True):
    text: str


class _Turn(msgspec.Struct, frozen=True):
    role: Literal["system", "user", "assistant"]
    content: str | list[_TextPart]


class _StreamOptions(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    include_usage: bool = False


_Count = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
_TokenId = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class _Common(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, frozen=True):
    """Parameters of both paths. What we could not honour is absent, hence refused by name."""

    model: str
    max_tokens: _Count | None = None
    min_tokens: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] = 0
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] = 1.0
    top_p: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    seed: int | None = None
    stop: str | Annotated[list[str], msgspec.Meta(max_length=4)] = []
    n: int = 1
    stream: bool = False
    stream_options: _StreamOptions = _StreamOptions()
    ignore_eos: bool = False
    user: str | None = None


AskedT = TypeVar("AskedT", bound=_Common)


class _Chat(_Common, kw_only=True, frozen=True):
    messages: Annotated[list[_Turn], msgspec.Meta(min_length=1)]
    max_completion_tokens: _Count | None = None


class _Completion(_Common, kw_only=True, frozen=True):
    prompt: str | Annotated[list[str | _TokenId], msgspec.Meta(min_length=1)]
    max_tokens: _Count | None = 16  # OpenAI's default on this path


@dataclass(frozen=True)
class Asked:
    """One accepted request; exactly one of `messages`, `text`, `tokens` is the prompt."""

    model: str
    sampling: Sampling
    is_stream: bool
    has_usage: bool
    messages: tuple[Message, ...] | None = None
    text: str | None = None
    tokens: tuple[int, ...] | None = None


def chat(body: bytes, model: str) -> Asked:
    """Read the body of /v1/chat/completions."""
    asked = _parse(body, _Chat, model)
    limit = asked.max_completion_tokens or asked.max_tokens
    return Asked(**_shared(asked, limit), messages=tuple(_message(turn) for turn in asked.messages))


def completion(body: bytes, model: str) -> Asked:
    """Read the body of /v1/completions."""
    asked = _parse(body, _Completion, model)
    return Asked(**_shared(asked, asked.max_tokens), **_prompt(asked.prompt))


def _parse(body: bytes, shape: type[AskedT], model: str) -> AskedT:
    """Decode strictly; a null is the same as leaving the parameter out, as with OpenAI."""
    try:
        raw = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequestError(f"The body is not JSON: {error}.", None, "invalid_json") from error
    if isinstance(raw, dict):
        raw = {key: value for key, value in raw.items() if value is not None}
    try:
        asked = msgspec.convert(raw, shape)
    except msgspec.ValidationError as error:
        raise _refusal(error) from error
    _check_values(asked, model)
    return asked


def _refusal(error: msgspec.ValidationError) -> BadRequestError:
    """Name the parameter that msgspec's message names."""
    found = _NAMED.search(str(error))
    param = (found["path"] or found["field"]) if found else None
    code = "unknown_parameter" if "unknown field" in str(error) else "invalid_value"
    return BadRequestError(f"{error}.", param, code)


def _check_values(asked: _Common, model: str) -> None:
    if asked.model != model:
        message = f"The model {asked.model!r} does not exist here; this server serves {model!r}."
        raise BadRequestError(message, "model", "model_not_found", status=404)
    if asked.n != 1:
        raise BadRequestError(f"n = {asked.n} is not supported; only n = 1 is.", "n", "unsupported_value")
    if "" in _stops(asked):
        raise BadRequestError("A stop string must not be empty.", "stop", "invalid_value")


def _stops(asked: _Common) -> tuple[str, ...]:
    return (asked.stop,) if isinstance(asked.stop, str) else tuple(asked.stop)


def _shared(asked: _Common, max_tokens: int | None) -> dict[str, Any]:
    """What both paths mean by the same words. Without a seed every request draws its own."""
    sampling = Sampling(
        max_tokens=max_tokens,
        min_tokens=asked.min_tokens,
        temperature=asked.temperature,
        top_p=asked.top_p,
        seed=secrets.randbits(32) if asked.seed is None else asked.seed % 2**32,
        stop=_stops(asked),
        ignore_eos=asked.ignore_eos,
    )
    usage = asked.stream_options.include_usage
    return {"model": asked.model, "sampling": sampling, "is_stream": asked.stream, "has_usage": usage}


def _message(turn: _Turn) -> Message:
    if isinstance(turn.content, str):
        return Message(turn.role, turn.content)
    return Message(turn.role, "".join(part.text for part in turn.content))


def _prompt(prompt: str | list[str | int]) -> dict[str, Any]:
    """One text, one text in a list, or one list of token ids."""
    if isinstance(prompt, str):
        return {"text": prompt}
    if all(isinstance(item, int) for item in prompt):
        return {"tokens": tuple(prompt)}
    if len(prompt) == 1:
        return {"text": prompt[0]}
    raise BadRequestError("Only one prompt a request is supported.", "prompt", "unsupported_value")
