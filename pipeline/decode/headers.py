"""What response headers say, in one set of names and units: who answered, where, in what time.

Rate limits have rules of their own and lie in `decode.limits`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pipeline.decode.timings import number

# The provider's own id first, the edge's last.
_REQUEST_IDS = (
    *("x-request-id", "request-id", "apim-request-id", "x-amzn-requestid", "inference-id", "x-generation-id"),
    *("x-ds-trace-id", "mistral-correlation-id", "minimax-request-id", "nvcf-reqid", "x-global-transaction-id"),
    *("x-kong-request-id", "x-databricks-request-id", "cf-ray", "x-amz-cf-id"),
)
_REGIONS = ("x-groq-region", "x-ms-region")
_HOSTS = ("x-inference-provider",)
# Time that a front end measured until the server behind it sent its head, in ms.
_HEADS = (
    *("openai-processing-ms", "x-envoy-upstream-service-time", "x-kong-upstream-latency"),
    "cmp-upstream-response-duration",
)
_DURATION = re.compile(r"(?:^|,)\s*[^;,]+(?:;[^;,]*)*?;\s*dur=([0-9.]+)")


class Said(NamedTuple):
    """What one response's headers say."""

    provider_request_id: str | None
    region: str | None
    edge: str | None
    served_by: str | None
    head_ms: float | None
    queue_ms: float | None
    prefill_ms: float | None
    ttft_ms: float | None


def by_name(pairs: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    """Headers as recorded, by lower-case name; of several of one name the first."""
    found: dict[str, str] = {}
    for pair in pairs or ():
        found.setdefault(pair["name"].lower(), pair["value"])
    return found


def read(headers: Mapping[str, str]) -> Said:
    """Read headers, given by lower-case name."""
    return Said(
        provider_request_id=_first(headers, _REQUEST_IDS),
        region=_first(headers, _REGIONS),
        edge=_edge(headers),
        served_by=_first(headers, _HOSTS),
        head_ms=_head_ms(headers),
        queue_ms=_ms(headers, "fireworks-prefill-queue-duration"),
        prefill_ms=_ms(headers, "fireworks-prefill-duration"),
        ttft_ms=_ms(headers, "fireworks-server-time-to-first-token"),
    )


def _first(headers: Mapping[str, str], names: Iterable[str]) -> str | None:
    return next((value for name in names if (value := headers.get(name, "").strip())), None)


def _ms(headers: Mapping[str, str], name: str) -> float | None:
    """A duration that is given in seconds."""
    seconds = number(headers.get(name))
    return None if seconds is None else seconds * 1e3


def _edge(headers: Mapping[str, str]) -> str | None:
    """The content network's site that answered, as Cloudflare and CloudFront name it."""
    site = headers.get("cf-ray", "").rpartition("-")[2] if "-" in headers.get("cf-ray", "") else ""
    return site or headers.get("x-amz-cf-pop") or None


def _head_ms(headers: Mapping[str, str]) -> float | None:
    """The front end's own time; of several in `server-timing` the longest, which holds the others."""
    stated = [number(headers.get(name)) for name in _HEADS]
    timed = [number(found) for found in _DURATION.findall(headers.get("server-timing", ""))]
    return next((ms for ms in [*stated, max((ms for ms in timed if ms), default=None)] if ms is not None), None)
