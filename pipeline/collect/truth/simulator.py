"""The truth server as a hosted provider: refusals, limits, and answers drawn from a seed, logged like any other."""

import os
import time
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

import msgspec

from pipeline import __version__
from pipeline.collect.truth import providers
from pipeline.collect.truth.allowances import Allowances
from pipeline.collect.truth.answers import Answers
from pipeline.collect.truth.asking import Asked
from pipeline.collect.truth.program import Program, Write, plain, program
from pipeline.collect.truth.providers._contract import Account, Kind, NotUnderstoodError, Refusal, Request
from pipeline.collect.truth.simulation import Simulation, compiled, draw

NOBODY = Account(0.0)

_MESSAGES: dict[Kind, str] = {
    "no_key": "No API key provided.",
    "unknown_model": "The model `{model}` does not exist or you do not have access to it.",
    "retired_model": "The model `{model}` has been decommissioned and is no longer supported.",
    "limited": "Rate limit reached for `{model}` on {limit}: limit {allowed}. Please try again in {wait:.3f}s.",
}


class Simulator(Answers):
    """Programs for requests to one provider, and the limits of its one client."""

    def __init__(self, this: Simulation) -> None:
        super().__init__(msgspec.json.encode(this).decode())
        self.simulation, self.provider = this, providers.find(this.speaks)
        self.allowances = Allowances(this.limits(self.provider), time.time())
        self.refused = 0

    def program(self, asked: Asked) -> Program:
        """What to send for a request."""
        if asked.method != "POST":
            return self._told(asked)
        try:
            request = self.provider.understand(asked)
        except NotUnderstoodError as error:
            return self._refused("malformed", "", str(error))
        if kind := self._forbidden(request):
            return self._refused(kind, request.model, _MESSAGES[kind].format(model=request.model))
        now = time.time()
        answer = draw(self.simulation, self.provider, request, int(now))
        account = self.allowances.take(answer.prompt_tokens + answer.tokens, now)
        if account.exceeded is not None:
            return self._refused("limited", request.model, _limited(request.model, account), account)
        return compiled(self.provider, answer, account)

    def _forbidden(self, request: Request) -> Kind | None:
        if self.simulation.asks_key and not request.has_key:
            return "no_key"
        if request.model in self.provider.retired:
            return "retired_model"
        return None if request.model in self.provider.models else "unknown_model"

    def _refused(self, kind: Kind, model: str, message: str, account: Account = NOBODY) -> Program:
        self.refused += 1
        refusal = Refusal(kind, f"{self.refused:032x}", model, message, account)
        reply = self.provider.refuse(refusal)
        date = {"date": formatdate(account.at or time.time(), usegmt=True)}
        headers = {**date, **self.provider.limits_said(account), **reply.headers}
        status = f"{reply.status} {HTTPStatus(reply.status).phrase}"
        said = [f"{name}: {value}" for name, value in headers.items()]
        return program([Write(0, plain(status, msgspec.json.encode(reply.body), reply.content_type, *said))])

    def about(self, path: str) -> Any:
        """Facts for whoever asks: the models, and what an engine says of itself."""
        if path == "/facts":
            return {
                "name": "simulator",
                "version": __version__,
                "model": ", ".join(self.provider.models),
                "quantisation": None,
                "threads": 1,
                "device": None,
                "pid": os.getpid(),
                "details": msgspec.to_builtins(self.simulation),
            }
        if path.endswith("/models"):
            listed = [{"id": model, "object": "model"} for model in self.provider.models]
            return {"object": "list", "data": listed}
        return None


def _limited(model: str, account: Account) -> str:
    limit = account.exceeded or ""
    allowed = account.levels[limit].allowed
    words = limit.replace("_", " ")
    return _MESSAGES["limited"].format(model=model, limit=words, allowed=allowed, wait=account.wait_s)
