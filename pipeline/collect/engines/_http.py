"""Asking an engine something beside the measurement: is it ready, what is it, answer once."""

import ssl
from functools import cache
from typing import Any

import httpx
import msgspec

from pipeline.collect.engines._contract import EngineError

PROBE_TIMEOUT_S = 2.0


@cache
def _trust() -> ssl.SSLContext:
    """Loaded once: reading all certificates for each question takes a processor from an engine that is starting."""
    return httpx.create_ssl_context(trust_env=False)


def get(root: str, path: str) -> tuple[int, bytes]:
    """GET a path of the engine; return status and body."""
    answer = httpx.get(root + path, timeout=PROBE_TIMEOUT_S, trust_env=False, verify=_trust())
    return answer.status_code, answer.content


def is_ready(root: str, path: str) -> bool:
    """Whether the engine says 200."""
    try:
        return get(root, path)[0] == 200
    except httpx.HTTPError:
        return False


def get_json(engine: str, root: str, path: str) -> Any:
    """GET a JSON answer that must come."""
    try:
        status, body = get(root, path)
        if status == 200:
            return msgspec.json.decode(body)
    except (httpx.HTTPError, msgspec.DecodeError) as error:
        raise EngineError(
            f"engine {engine}: GET {root}{path} failed ({error}). Cure: see that it is {engine} that answers there."
        ) from error
    raise EngineError(
        f"engine {engine}: GET {root}{path} answered {status}. Cure: see that it is {engine} that answers there."
    )


def answer_once(engine: str, root: str, body: dict[str, Any], timeout_s: float) -> None:
    """Ask for one answer and wait for all of it, so that nothing is built or loaded during the measurement."""
    try:
        answer = httpx.post(
            f"{root}/v1/chat/completions", json=body, timeout=timeout_s, trust_env=False, verify=_trust()
        )
    except httpx.HTTPError as error:
        said = f"failed ({error or type(error).__name__})"
    else:
        if answer.status_code == 200:
            return
        said = f"was answered {answer.status_code}: {answer.text[:500]}"
    raise EngineError(
        f"engine {engine}: the first request to {root} {said}. Cure: see that `model` is what the engine serves, "
        "and read its log."
    )
