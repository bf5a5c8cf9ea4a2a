"""IBM watsonx' text generation: results with the text of an event and counts that run along."""

import msgspec

from pipeline.decode import errors, lenient
from pipeline.decode.delta import Decode, Delta
from pipeline.decode.lenient import Count

_GOES_ON = "not_finished"


class _Result(msgspec.Struct, gc=False):
    generated_text: str | None = None
    generated_token_count: Count | None = None
    input_token_count: Count | None = None
    stop_reason: str | None = None


class _Event(msgspec.Struct, gc=False):
    model_id: str | None = None
    results: list[_Result] | None = None


_STRICT = msgspec.json.Decoder(_Event)


def decode(event_type: str, data: bytes) -> Delta:
    """Say what one event of a generation holds; only the first counts the prompt, the others say 0."""
    event = lenient.read(_STRICT, data)
    if event is None or not event.results:
        failure = errors.of_event(event_type, data)
        return Delta(error_code=failure.code, error_message=failure.message)
    result = event.results[0]
    return Delta(
        content=result.generated_text,
        has_token=bool(result.generated_text),
        finish_reason=None if result.stop_reason == _GOES_ON else result.stop_reason or None,
        prompt_tokens=result.input_token_count or None,
        completion_tokens=result.generated_token_count,
        model=event.model_id or None,
    )


DIALECTS: dict[str, Decode] = {"watsonx": decode}
