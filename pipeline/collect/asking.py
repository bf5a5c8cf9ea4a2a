"""How a request is put in each wire dialect: path, body, the header that holds the key, the answer's media type.

The counterpart of `pipeline/decode/dialects`, which understands the answers. A body asks for one user message,
a length, a temperature, a stream, and usage where that has to be asked for. InvokeModel (Bedrock), watsonx and
Replicate are only decoded: what to send depends on the model or on an account.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from pipeline.errors import TokenclockError

Body = dict[str, Any]


class UnaskableDialectError(TokenclockError):
    """A target names a wire protocol in which no request can be made."""


@dataclass(frozen=True)
class Question:
    """What every dialect has words for, and a `seed`, which only some have: the others go without."""

    model: str
    text: str
    output_tokens: int
    temperature: float
    seed: int | None = None

    @property
    def seeded(self) -> Body:
        """The seed by its usual name; nothing where there is none."""
        return {} if self.seed is None else {"seed": self.seed}


@dataclass(frozen=True)
class Dialect:
    """One wire protocol, asking. `{model}` in the path is the model's id; `{key}` in a header is the key."""

    path: str
    body: Callable[[Question], Body]
    key_header: tuple[str, str] = ("authorization", "Bearer {key}")
    accept: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)


def _messages(question: Question) -> list[Body]:
    return [{"role": "user", "content": question.text}]


def _openai(question: Question) -> Body:
    return {
        "model": question.model,
        "max_tokens": question.output_tokens,
        "temperature": question.temperature,
        "stream": True,
        "stream_options": {"include_usage": True},
        **question.seeded,
    }


def _openai_chat(question: Question) -> Body:
    return {**_openai(question), "messages": _messages(question)}


def _openai_completions(question: Question) -> Body:
    return {**_openai(question), "prompt": question.text}


def _openai_responses(question: Question) -> Body:
    return {
        "model": question.model,
        "input": question.text,
        "max_output_tokens": question.output_tokens,
        "temperature": question.temperature,
        "stream": True,
        "store": False,
    }


def _plain_chat(question: Question) -> Body:
    return {
        "model": question.model,
        "messages": _messages(question),
        "max_tokens": question.output_tokens,
        "temperature": question.temperature,
        "stream": True,
    }


def _seeded_chat(question: Question) -> Body:
    return {**_plain_chat(question), **question.seeded}


def _gemini(question: Question) -> Body:
    config = {"maxOutputTokens": question.output_tokens, "temperature": question.temperature, **question.seeded}
    return {"contents": [{"role": "user", "parts": [{"text": question.text}]}], "generationConfig": config}


def _ollama(question: Question) -> Body:
    options = {"num_predict": question.output_tokens, "temperature": question.temperature, **question.seeded}
    return {"model": question.model, "stream": True, "options": options}


def _ollama_chat(question: Question) -> Body:
    return {**_ollama(question), "messages": _messages(question)}


def _ollama_generate(question: Question) -> Body:
    return {**_ollama(question), "prompt": question.text}


def _tgi(question: Question) -> Body:
    """TGI refuses a temperature of 0; without one it is greedy. Only `details` count the tokens."""
    sampling = {"do_sample": True, "temperature": question.temperature} if question.temperature else {}
    parameters = {"max_new_tokens": question.output_tokens, "details": True, **sampling, **question.seeded}
    return {"inputs": question.text, "parameters": parameters}


def _converse(question: Question) -> Body:
    return {
        "messages": [{"role": "user", "content": [{"text": question.text}]}],
        "inferenceConfig": {"maxTokens": question.output_tokens, "temperature": question.temperature},
    }


def _triton(question: Question) -> Body:
    return {
        "text_input": question.text,
        "max_tokens": question.output_tokens,
        "temperature": question.temperature,
        "stream": True,
    }


_NDJSON = "application/x-ndjson"
_EVENTSTREAM = "application/vnd.amazon.eventstream"

DIALECTS: dict[str, Dialect] = {
    "openai-chat": Dialect("/chat/completions", _openai_chat),
    "openai-completions": Dialect("/completions", _openai_completions),
    "openai-responses": Dialect("/responses", _openai_responses),
    "anthropic-messages": Dialect(
        "/messages", _plain_chat, ("x-api-key", "{key}"), headers={"anthropic-version": "2023-06-01"}
    ),
    "cohere-chat": Dialect("/chat", _seeded_chat),
    "gemini": Dialect("/models/{model}:streamGenerateContent?alt=sse", _gemini, ("x-goog-api-key", "{key}")),
    "ollama-chat": Dialect("/api/chat", _ollama_chat, accept=_NDJSON),
    "ollama-generate": Dialect("/api/generate", _ollama_generate, accept=_NDJSON),
    "tgi": Dialect("/generate_stream", _tgi),
    "bedrock-converse": Dialect("/model/{model}/converse-stream", _converse, accept=_EVENTSTREAM),
    "triton": Dialect("/generate_stream", _triton),
}


def dialect(name: str) -> Dialect:
    """Return the dialect `name`."""
    try:
        return DIALECTS[name]
    except KeyError:
        raise UnaskableDialectError(
            f"no request can be made in dialect {name!r}; known: {', '.join(DIALECTS)}. Correct `dialect` of the "
            "target in plan.toml, or add it to pipeline/collect/asking.py"
        ) from None


def url(base_url: str, name: str, model_id: str) -> str:
    """Where requests go. A query in the base URL (Azure's `?api-version=…`) stays at the end."""
    base = urlsplit(base_url)
    path, _, query = dialect(name).path.partition("?")
    whole = base.path.rstrip("/") + path.replace("{model}", quote(model_id, safe=""))
    return urlunsplit((base.scheme, base.netloc, whole, "&".join(filter(None, (query, base.query))), ""))


def headers(name: str, key: str | None) -> dict[str, str]:
    """Headers of a request; the key stands in one of them and nowhere else. No compression: it bundles events."""
    asked = dialect(name)
    header, value = asked.key_header
    return {
        "accept": asked.accept,
        "accept-encoding": "identity",
        "content-type": "application/json",
        **asked.headers,
        **({header: value.replace("{key}", key)} if key else {}),
    }


def body(name: str, question: Question, extra: Mapping[str, Any] | None = None) -> Body:
    """The JSON body. `extra` is laid over it, tables of the same name key by key."""
    made = dialect(name).body(question)
    for key, value in (extra or {}).items():
        is_table = isinstance(value, dict) and isinstance(made.get(key), dict)
        made[key] = {**made[key], **value} if is_table else value
    return made
