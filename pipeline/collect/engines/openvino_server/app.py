"""The HTTP routes. Every token leaves as an event of its own, in a write of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from pipeline.collect.engines.openvino_server import answers, asked
from pipeline.collect.engines.openvino_server.answers import Answer
from pipeline.collect.engines.openvino_server.asked import Asked, BadRequestError
from pipeline.collect.engines.openvino_server.backend import (
    Backend,
    EngineFailedError,
    Generation,
    NotReadyError,
)


class TokenStream(StreamingResponse):
    """A stream of events whose generation is closed however the stream ends, a lost client included."""

    def __init__(self, events: AsyncIterator[bytes], close: Callable[[], None]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"cache-control": "no-cache"})
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream; the base class notices a lost client and cancels it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._close()


@dataclass(frozen=True)
class Routes:
    """The endpoints, over one backend."""

    backend: Backend

    async def health(self, _request: Request) -> Response:
        """200 once the model is loaded and warm; 503 before."""
        return _json({"status": "ready", "model": self.backend.facts.model})

    async def facts(self, _request: Request) -> Response:
        """What is served: version, weights, threads."""
        return Response(msgspec.json.encode(self.backend.facts), media_type="application/json")

    async def models(self, _request: Request) -> Response:
        """The one model there is."""
        return _json(answers.models(self.backend.facts.model))

    async def chat(self, request: Request) -> Response:
        """POST /v1/chat/completions."""
        return await self._answer(request, asked.chat)

    async def completion(self, request: Request) -> Response:
        """POST /v1/completions."""
        return await self._answer(request, asked.completion)

    async def _answer(self, request: Request, parse: Callable[[bytes, str], Asked]) -> Response:
        facts = self.backend.facts
        wanted = parse(await request.body(), facts.model)
        answer = Answer(wanted, fingerprint=f"{facts.name}-{facts.version}")
        generation = self.backend.begin(wanted)
        with contextlib.ExitStack() as closing:
            closing.callback(self.backend.close, generation)
            await generation.accepted()
            if not wanted.is_stream:
                return await _unless_gone(request, _whole(answer, generation))
            return TokenStream(_events(answer, generation), closing.pop_all().close)


async def _events(answer: Answer, generation: Generation) -> AsyncIterator[bytes]:
    """The events of a stream; a failure after the first one can only be told in the stream."""
    for opening in answer.opening():
        yield opening
    try:
        async for text in generation.texts():
            yield answer.chunk({"content": text})
    except EngineFailedError as error:
        yield answers.event(answers.error(str(error), "server_error"))
        return
    for closing in answer.closing(str(generation.finish_reason), generation.usage):
        yield closing


async def _whole(answer: Answer, generation: Generation) -> Response:
    text = "".join([text async for text in generation.texts()])
    return _json(answer.whole(text, str(generation.finish_reason), generation.usage))


async def _unless_gone(request: Request, answer: Coroutine[Any, Any, Response]) -> Response:
    """Finish the answer, or give up when the client hangs up: nobody would read it."""
    working = asyncio.ensure_future(answer)
    watching = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        return await working if working.done() else Response(status_code=499)
    finally:
        working.cancel()
        watching.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue


def _json(data: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(data), status_code=status, media_type="application/json")


async def _refused(_request: Request, error: Exception) -> Response:
    """Say every error in OpenAI's words."""
    match error:
        case BadRequestError():
            told = answers.error(str(error), "invalid_request_error", error.param, error.code)
            return _json(told, error.status)
        case HTTPException():
            return _json(answers.error(error.detail, "invalid_request_error"), error.status_code)
        case NotReadyError():
            return _json(answers.error(str(error), "server_error", code="not_ready"), 503)
        case _:
            return _json(answers.error(str(error), "server_error"), 500)


def application(backend: Backend) -> Starlette:
    """Put the routes together."""
    routes = Routes(backend)
    return Starlette(
        routes=[
            Route("/health", routes.health),
            Route("/facts", routes.facts),
            Route("/v1/models", routes.models),
            Route("/v1/chat/completions", routes.chat, methods=["POST"]),
            Route("/v1/completions", routes.completion, methods=["POST"]),
        ],
        exception_handlers=dict.fromkeys(
            [BadRequestError, HTTPException, NotReadyError, EngineFailedError], _refused
        ),
    )
