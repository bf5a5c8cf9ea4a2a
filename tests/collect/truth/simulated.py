"""Requests to simulated providers as the recorder makes them, and the bytes of their answers taken apart."""

import json
from typing import Any, NamedTuple

from pipeline.collect import asking
from pipeline.collect.truth import providers
from pipeline.collect.truth.asking import Asked
from pipeline.collect.truth.program import Program
from pipeline.collect.truth.providers._contract import Account, Answer, Provider
from pipeline.collect.truth.simulation import Simulation, compiled, draw
from tests.collect.truth import raw

AT = 1_795_000_000
DIALECTS = {"anthropic": "anthropic-messages", "gemini": "gemini"}
TEXT = "Write a long story about a river and a bridge"


class Response(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def dialect(name: str) -> str:
    return DIALECTS.get(name, "openai-chat")


def asked(name: str, model: str | None = None, tokens: int = 24, key: str | None = "k", **extra: Any) -> Asked:
    question = asking.Question(model or providers.find(name).models[0], TEXT, tokens, 0.0)
    path = asking.url("http://simulated/v1", dialect(name), question.model).removeprefix("http://simulated")
    body = json.dumps(asking.body(dialect(name), question, extra)).encode()
    return Asked("POST", path, asking.headers(dialect(name), key), body)


def answer(name: str, this: dict[str, Any] | None = None, **more: Any) -> tuple[Provider, Answer]:
    provider = providers.find(name)
    simulation = Simulation(speaks=name, **(this or {}))
    return provider, draw(simulation, provider, provider.understand(asked(name, **more)), AT)


def response(program: Program) -> Response:
    whole = b"".join(program.data)
    head, _, body = whole.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return Response(int(first.split()[1]), headers, raw.payload(whole) if "transfer-encoding" in headers else body)


def streamed(name: str, this: dict[str, Any] | None = None, **more: Any) -> tuple[Answer, Response]:
    provider, drawn = answer(name, this, **more)
    return drawn, response(compiled(provider, drawn, Account(AT)))
