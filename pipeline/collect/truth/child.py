"""The truth server as a process of its own: started, asked, ended."""

import http.client
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pipeline.collect.truth.log import Log
from pipeline.errors import TokenclockError
from pipeline.layout import PACKAGE

HOST = "127.0.0.1"


class TruthServerError(TokenclockError):
    """The truth server did not do what it was asked; the message says what it said."""


@dataclass(frozen=True)
class Certificate:
    """PEM files of a server; its certificate is also what clients are to trust."""

    certificate: Path
    key: Path


def certified(folder: Path) -> Certificate:
    """A certificate for localhost that nobody vouches for, made in a folder by the `openssl` command.

    Raises `TruthServerError` where there is no such command, or it makes none.
    """
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", str(made.key), "-out", str(made.certificate)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise TruthServerError(f"the openssl command makes no certificate ({error}); install it") from error
    return made


@dataclass(frozen=True)
class Truth:
    """A running truth server."""

    port: int
    scheduling: str
    certificate: Certificate | None

    @property
    def url(self) -> str:
        """Base URL, as of an OpenAI-compatible API."""
        return f"https://localhost:{self.port}/v1" if self.certificate else f"http://{HOST}:{self.port}/v1"

    @property
    def trust(self) -> ssl.SSLContext | None:
        """The context for clients; None without TLS."""
        return ssl.create_default_context(cafile=self.certificate.certificate) if self.certificate else None

    def logs(self, names: list[str]) -> list[Log]:
        """What was sent for these requests; each log can be fetched once. Blocks."""
        connection = self._connection()
        try:
            return [msgspec.json.decode(_get(connection, f"/log/{name}"), type=Log) for name in names]
        finally:
            connection.close()

    def names(self) -> list[str]:
        """Requests whose logs are there, oldest first. Blocks."""
        connection = self._connection()
        try:
            return list(json.loads(_get(connection, "/logs")))
        finally:
            connection.close()

    def prepare(self, script: str) -> None:
        """Have a script made before its streams begin, so that none of them waits for that. Blocks."""
        connection = self._connection()
        try:
            _get(connection, "/prepared", {"x-truth-script": script})
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self.certificate is None:
            return http.client.HTTPConnection(HOST, self.port)
        return http.client.HTTPSConnection("localhost", self.port, context=self.trust)


def _get(connection: http.client.HTTPConnection, path: str, headers: dict[str, str] | None = None) -> bytes:
    connection.request("GET", path, headers=headers or {})
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise TruthServerError(f"truth server, GET {path}: {response.status} {body.decode(errors='replace')}")
    return body


@contextmanager
def serving(
    certificate: Certificate | None = None,
    script: str | None = None,
    core: int | None = None,
    *,
    is_real_time: bool = False,
) -> Iterator[Truth]:
    """Run a truth server until the block ends. Blocks for the time a Python process takes to start."""
    command = [sys.executable, "-m", "pipeline.collect.truth", "--port", "0"]
    command += ["--tls", str(certificate.certificate), str(certificate.key)] if certificate else []
    command += ["--script", script] if script else []
    command += ["--core", str(core)] if core is not None else []
    command += ["--real-time"] if is_real_time else []
    importable = os.pathsep.join([str(PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": importable}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            line = process.stdout.readline()
            if not line:
                raise TruthServerError("the truth server ended before it was ready; its error stands above")
            ready = json.loads(line)
            yield Truth(ready["port"], ready["scheduling"], certificate)
        finally:
            process.communicate()  # closes its stdin, which ends it
