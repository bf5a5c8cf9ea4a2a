"""What the truth server answers: streams by script, logs of past streams, and facts about itself."""

from collections import defaultdict
from typing import Any

import msgspec

from pipeline.collect.truth import chat, scripts
from pipeline.collect.truth.asking import Asked
from pipeline.collect.truth.connection import Connection
from pipeline.collect.truth.log import OpenLog, rendered
from pipeline.collect.truth.program import Program, Write, plain, program

LOGS = 8192
"""Logs kept for whoever asks; beyond that the oldest makes room."""


class Answers:
    """Programs for requests, and the logs of those that were streams."""

    def __init__(self, default: str) -> None:
        self.default = default
        self.logs: dict[str, OpenLog] = {}
        self.asked: defaultdict[str, int] = defaultdict(int)

    def program(self, asked: Asked) -> Program:
        """What to send for a request."""
        try:
            if asked.method != "POST":
                return self._told(asked)
            return self._scripted(self._script(asked))
        except scripts.ScriptError as error:
            return self.refusal(str(error))

    def refusal(self, message: str, status: str = "400 Bad Request") -> Program:
        """An error in the shape of the API."""
        return program([Write(0, plain(status, chat.error(message, status)))])

    def opened(self, asked: Asked, connection: Connection, due_ns: int) -> OpenLog:
        """The log of a stream that begins now."""
        log = OpenLog(
            script=self._script(asked),
            program=connection.following,
            is_sealed=connection.seal is not None,
            accepted_ns=connection.accepted_ns,
            request_ns=connection.request_ns,
            read_ns=connection.read_ns,
            first_due_ns=due_ns,
            start_ns=connection.start_ns,
            rows=connection.rows,
        )
        name = asked.headers.get("x-truth-id", f"{connection.serial}-{connection.request_ns}")
        self.logs[name] = log
        if len(self.logs) > LOGS:
            del self.logs[next(iter(self.logs))]
        return log

    def _script(self, asked: Asked) -> str:
        return asked.headers.get("x-truth-script", self.default)

    def _scripted(self, text: str) -> Program:
        """The program of a script; a fault with `times` happens that often, and then all is well."""
        script = scripts.parse(text)
        if isinstance(script, scripts.Fault) and script.times is not None:
            self.asked[text] += 1
            if self.asked[text] > script.times:
                return scripts.compiled(scripts.DEFAULT)
        return scripts.compiled(script)

    def about(self, path: str) -> Any:
        """Facts about what is served; None where the path is not known."""
        if path.endswith("/models"):
            return {"object": "list", "data": [{"id": chat.MODEL, "object": "model", "owned_by": "truth"}]}
        return None

    def _told(self, asked: Asked) -> Program:
        path = asked.path
        if path == "/prepared":  # making a long script takes longer than streams in progress can wait
            return _json({"writes": len(scripts.compiled(scripts.parse(self._script(asked))).data)})
        if path == "/logs":
            return _json(list(self.logs))
        name = path.removeprefix("/log/")
        if name in self.logs:
            return _json(rendered(name, self.logs.pop(name)))
        if path in ("/", "/health"):
            return _json({"status": "ok"})
        if (known := self.about(path)) is not None:
            return _json(known)
        return self.refusal(f"{path}: not known, or a log that was handed out before; see /logs", "404 Not Found")


def _json(value: Any) -> Program:
    return program([Write(0, plain("200 OK", msgspec.json.encode(value)))])
