"""One request in, one trace out: sends, waits, and turns what the socket saw into trace rows."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
import msgspec

from pipeline import __version__
from pipeline.collect import asking, redaction
from pipeline.collect import workload as prompts
from pipeline.collect.reads import Reads, packed
from pipeline.collect.spool import Keep, Spool
from pipeline.collect.transport import Recording, RequestFailed, post
from pipeline.plan import Plan, Run, Scenario, input_tokens

# Kept from responses: what identifies, times or limits them. Everything else (cookies, keys) is dropped.
KEPT_HEADERS = frozenset(
    {
        *("content-type", "content-length", "content-encoding", "transfer-encoding", "date", "server", "via"),
        *("retry-after", "retry-after-ms", "x-should-retry", "server-timing", "x-envoy-upstream-service-time"),
        *("request-id", "x-request-id", "cf-ray", "inference-id", "apim-request-id", "x-generation-id"),
        *("x-amzn-requestid", "x-amzn-errortype", "x-amz-cf-id", "x-amz-cf-pop", "x-global-transaction-id"),
        *("x-ds-trace-id", "mistral-correlation-id", "minimax-request-id", "nvcf-reqid", "x-databricks-request-id"),
        *("x-kong-request-id", "x-kong-upstream-latency", "x-kong-proxy-latency", "x-request-accepted-at"),
        *("x-groq-region", "x-ms-region", "x-inference-provider", "x-compute-type", "x-gemini-service-tier"),
        *("x-queue-time", "x-inference-time", "x-total-time", "x-validation-time", "x-time-per-token"),
        *("openai-processing-ms", "openai-model", "openai-version", "cmp-upstream-response-duration"),
    }
)
KEPT_PREFIXES = (
    *("x-ratelimit-", "x-tokenlimit-", "anthropic-ratelimit-", "anthropic-priority-", "ratelimit"),
    "fireworks-",
)


USER_AGENT = f"tokenclock/{__version__}"


@dataclass(frozen=True)
class Job:
    """What every request of a run shares. `anchor_ns` is the run's monotonic zero."""

    plan: Plan
    run: Run
    url: str
    key: str | None = field(repr=False)
    anchor_ns: int
    warmup_planned: int

    @property
    def scenario(self) -> Scenario:
        """The shape of the load."""
        return self.plan.scenarios[self.run.scenario]

    @property
    def most_tokens(self) -> int:
        """Tokens that a request can take at most, prompt and answer."""
        workload = self.plan.workloads[self.run.workload]
        return input_tokens(workload) + workload.output_tokens


@dataclass(frozen=True)
class Trace:
    """A finished request as a row of `trace.REQUESTS` and columns of `trace.READS`.

    `reads` begin with `first_read`; what was before it is on disk already. `first_byte_ns`: of all reads.
    """

    request: dict[str, Any]
    reads: Reads
    first_read: int = 0
    first_byte_ns: int | None = None
    reads_s: float | None = None
    """Reads a second from the second read on: the first may come before the target is ready. Null below three."""

    @property
    def status(self) -> int | None:
        """HTTP status."""
        status: int | None = self.request["http_status"]
        return status

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Names and values of the headers that were kept."""
        return [(header["name"], header["value"]) for header in self.request["response_headers"]]


def build(job: Job, index: int, recording: Recording) -> httpx.Request:
    """The request itself; its key goes into a header and nowhere else."""
    target = job.plan.targets[job.run.target]
    load = job.plan.workloads[job.run.workload]
    text = prompts.prompt(load, job.plan.night.seed, job.run, index)
    headers = {"user-agent": USER_AGENT, **asking.headers(target.dialect, job.key)}
    content = msgspec.json.encode(prompts.body(target, load, text))
    return post(job.url, headers, content, recording)


async def record(
    transport: httpx.AsyncBaseTransport,
    job: Job,
    index: int,
    scheduled_ns: int,
    attempt: int = 1,
    *,
    keep: Keep | None = None,
) -> Trace:
    """Send request `index` of a run and keep everything that came back, however it ended.

    Over the transport itself: a client would follow redirects, keep cookies, and take longer to start. `keep` takes
    the reads of a long response to disk while it goes on; without, they are held. Raises what `keep` ends with.
    """
    recording = Recording(body_limit=job.plan.night.response_max_mib * 2**20)
    request = build(job, index, recording)
    facts = {
        "request_id": request_id(job.run, index, attempt),
        "request_index": index,
        "attempt": attempt,
        "retry_of": request_id(job.run, index, attempt - 1) if attempt > 1 else None,
        "is_warmup": index < job.warmup_planned,
        "scheduled_ns": scheduled_ns - job.anchor_ns,
        "request_body": request.read(),
    }
    spool = Spool(recording, keep, partial(_so_far, job, facts, recording), job.key) if keep else None
    try:
        async with asyncio.timeout(job.scenario.timeout_s):
            await transport.handle_async_request(request)
    except TimeoutError:
        recording.outcome, recording.error = "timed_out", f"no end after {job.scenario.timeout_s:g} s"
    except (httpx.ConnectError, RequestFailed):
        pass  # the recording says how and why
    if spool is not None:
        await spool.over()
    return _trace(job, facts, recording, spool)


def request_id(run: Run, index: int, attempt: int) -> str:
    """A request's name, unique over all nights; a retry is a request of its own."""
    again = f".{attempt}" if attempt > 1 else ""
    return f"{run.id}/{index:04d}{again}"


def _trace(job: Job, facts: dict[str, Any], recording: Recording, spool: Spool | None) -> Trace:
    is_spooled = spool is not None and recording.reads_taken > 0
    if spool is not None and is_spooled:
        recording.sent_ns = spool.sent_ns  # what the stamps on disk count from
    sent = recording.sent_ns or 0
    request = _row(job, facts, recording)
    first = spool.first_stamps_ns if spool is not None and is_spooled else recording.stamps_ns[:2]
    last = recording.stamps_ns[-1] if recording.stamps_ns else 0
    payloads, recording.payloads = recording.payloads, []  # handed over: parser and recording hold each other
    reads = packed((recording.stamps_ns, recording.user_ns, recording.wire_bytes, payloads), sent)
    kept = redaction.payloads(payloads, job.key)
    if kept is not payloads or (spool is not None and spool.is_masked):
        request["error"] = "; ".join(filter(None, [request["error"], redaction.NOTE]))
    return Trace(
        request,
        msgspec.structs.replace(reads, payloads=kept),
        recording.reads_taken,
        first[0] - sent if first else None,
        _reads_s(request["read_count"], first, last),
    )


def _reads_s(count: int, first_ns: Sequence[int], last_ns: int) -> float | None:
    span_ns = last_ns - first_ns[1] if count > 2 else 0
    return (count - 2) * 1e9 / span_ns if span_ns > 0 else None


def _so_far(job: Job, facts: dict[str, Any], recording: Recording) -> dict[str, Any]:
    """The row of a request that goes on, as it is to be read if its end is never written."""
    left = {"outcome": "cancelled", "error": "the collecting process ended before the response did", "end_ns": None}
    return {**_row(job, facts, recording), **left}


def _row(job: Job, facts: dict[str, Any], recording: Recording) -> dict[str, Any]:
    sent = recording.sent_ns
    started = recording.connect_started_ns
    end = recording.end_ns if recording.outcome != "timed_out" else time.monotonic_ns()
    target = job.plan.targets[job.run.target]
    return {
        **facts,
        "run_id": job.run.id,
        "night": job.run.night,
        "target": job.run.target,
        "workload": job.run.workload,
        "scenario": job.run.scenario,
        "round": job.run.round,
        "dialect": target.dialect,
        "model": target.model_id,
        "url": job.url,
        "tokens_requested": job.plan.workloads[job.run.workload].output_tokens,
        "sent_ns": None if sent is None else sent - job.anchor_ns,
        "connect_started_ns": None if started is None else started - job.anchor_ns,
        "dns_ns": recording.dns_ns,
        "tcp_ns": recording.tcp_ns,
        "tls_ns": recording.tls_ns,
        "is_connection_reused": recording.is_connection_reused,
        "http_status": recording.status,
        "response_headers": [
            {"name": name, "value": redaction.text(value, job.key)}
            for name, value in recording.headers
            if _is_kept(name)
        ],
        "end_ns": None if sent is None or end is None else end - sent,
        "outcome": recording.outcome,
        "error": None if recording.error is None else redaction.text(recording.error, job.key),
        "read_count": recording.read_count,
        "body_bytes": recording.body_bytes,
        "clock_source": recording.clock_source,
    }


def _is_kept(name: str) -> bool:
    return name in KEPT_HEADERS or name.startswith(KEPT_PREFIXES)
