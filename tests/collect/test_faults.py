"""All that goes wrong on the wire, through recorder, store, trace and tables, to the one status it ends in."""

import asyncio
import json
import re
import socket
import socketserver
import ssl
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import duckdb
import polars as pl
import pytest
import uvloop

from pipeline import layout as layouts
from pipeline import plan
from pipeline.collect.recorder import Job, record
from pipeline.collect.store import RunStore
from pipeline.collect.transport import StampedTransport
from pipeline.collect.truth import child
from pipeline.collect.truth.scripts import compiled, parse
from pipeline.decode.status import STATUSES, WITH_METRICS
from pipeline.tables import events, output_speed, requests, ttft
from pipeline.tables.recorded import Recorded
from tests import certificates, plans, streams
from tests.servers import HEAD, HELLO, chunked, serving

BODY_LIMIT = 2**20
PATIENT_S, IMPATIENT_S = 60.0, 1.5

TOKEN, STOP, NO_LENGTH = streams.chunk("Hello"), streams.chunk(finish="stop"), HEAD + b"\r\n"


@dataclass(frozen=True)
class Case:
    """A fault and its status. `script`: of the truth server, or the writes of a plain one, or just an address.

    `tokens`: events with a token that must be kept. `kept`: all of the body that was sent, its beginning (what
    never ends, and what breaks its framing), or none of it (no body was sent).
    """

    status: str
    script: dict | list | str
    tokens: int = 0
    kept: str = "all"
    outcome: str = "ended"
    timeout_s: float = PATIENT_S
    is_tls: bool = field(default=False, kw_only=True)


def fault(name, **more):
    return {"kind": "fault", "fault": name, "every_ms": 1.0, **more}


def refusal(code, **more):
    return Case("http_error", fault("status", code=code, **more))


NO_ANSWER = {"kept": "none", "status": "connection_error"}

CASES = {
    "unknown name": Case(script="http://no-such-host.invalid/v1", outcome="not_connected", **NO_ANSWER),
    "refused": Case(script="refused", outcome="not_connected", **NO_ANSWER),
    "certificate not trusted": Case(script="untrusted", outcome="not_connected", **NO_ANSWER),
    "TLS with a server that speaks none": Case(script="greeting", outcome="not_connected", **NO_ANSWER),
    "TLS with a server that waits": Case("timeout", "plain", 0, "none", "timed_out", IMPATIENT_S),
    "closed without a byte": Case(script=fault("close_before"), outcome="broken_off", **NO_ANSWER),
    "reset without a byte": Case(script=fault("reset_before"), outcome="broken_off", **NO_ANSWER),
    "not HTTP": Case("connection_error", fault("not_http"), outcome="bad_framing"),
    "a header that is none": Case("connection_error", [b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", None],
                                  kept="beginning", outcome="bad_framing"),
    "oversized headers": Case(script=fault("oversized_headers", bytes=2**19), outcome="over_limit", **NO_ANSWER),
    "another protocol": Case("http_error", [b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n"
                             b"connection: upgrade\r\n\r\n" + TOKEN, None], outcome="bad_framing"),
    "never a byte": Case("timeout", fault("never_a_byte"), 0, "none", "timed_out", IMPATIENT_S),
    "headers and no more": Case("timeout", [chunked()[0], 30.0], 0, "none", "timed_out", IMPATIENT_S),
    "stalls": Case("timeout", fault("stall"), 3, "all", "timed_out", IMPATIENT_S),
    "stalls inside an event": Case("timeout", fault("stall_in_event"), 3, "all", "timed_out", IMPATIENT_S),
    "too slow a drip": Case("timeout", fault("slow_drip", every_ms=20.0), 0, "beginning", "timed_out", IMPATIENT_S),
    "endless": Case("timeout", fault("endless"), 3, "beginning", "timed_out", IMPATIENT_S),
    "endless comments": Case("timeout", fault("endless_comments"), 3, "beginning", "timed_out", IMPATIENT_S),
    "oversized body": Case("truncated", fault("oversized_body", bytes=2**21), 6000, "beginning", "over_limit"),
    "endless and fast": Case("truncated", fault("endless", every_ms=0.01), 6000, "beginning", "over_limit"),
    "reset mid-stream": Case("truncated", fault("reset_after"), 3, outcome="broken_off"),
    "closed mid-stream": Case("truncated", fault("close_after"), 3, outcome="broken_off"),
    "half-closed": Case("truncated", fault("half_close"), 3, outcome="broken_off"),
    "closed before the announced length": Case("truncated", fault("short_content_length"), 1, outcome="broken_off"),
    "TLS reset mid-stream": Case("truncated", [*chunked(TOKEN)[:2], 0.1, None], 1, outcome="broken_off",
                                 is_tls=True),
    "not a chunk size": Case("truncated", fault("bad_chunk_size"), 3, "beginning", "bad_framing"),
    "longer than its chunk size": Case("truncated", fault("wrong_chunk_length"), 3, "beginning", "bad_framing"),
    "chunk size beyond all numbers": Case("truncated", [*chunked(TOKEN)[:2], 0.1, b"f" * 20 + b"\r\n", None], 1,
                                          "beginning", "bad_framing"),
    "ends without a finish reason": Case("truncated", fault("truncated"), 3),
    "ends with [DONE] and no finish reason": Case("truncated", chunked(TOKEN, streams.DONE), 1),
    "ends without an event": Case("truncated", fault("empty"), kept="none"),
    "compressed, and says so": Case("truncated", fault("compressed")),
    "compressed, and does not say so": Case("truncated", fault("compressed_unsaid")),
    "200 with an error inside": Case("in_band_error", fault("error_inside"), 3),
    "200 with an error instead": Case("in_band_error", fault("error_body")),
    "200 with an error, called a stream": Case("in_band_error", [NO_LENGTH, b'{"error":{"message":"no"}}']),
    "wrong content type": Case("not_a_stream", fault("wrong_content_type")),
    "a completion that is no stream": Case("not_a_stream", fault("not_a_stream")),
    **{f"{code} with JSON": refusal(code) for code in (400, 401, 404, 500, 503)},
    "429 with Retry-After": refusal(429, retry_after_s=0.5),
    "502 with a page": refusal(502, form="html"),
    "403 with a page": refusal(403, form="html"),
    "a redirect": refusal(302, location="http://127.0.0.1:9/"),
    "500, cut": Case("http_error", [b"HTTP/1.1 500 no\r\ncontent-length: 9\r\n\r\nno", 0.1, None],
                     outcome="broken_off"),
    "a finish reason and no token": Case("empty", chunked(streams.chunk(""), STOP, streams.DONE)),
    "filtered": Case("content_filter", chunked(TOKEN, streams.chunk(finish="content_filter")), 1),
    "at its length": Case("length", chunked(TOKEN, streams.chunk(finish="length")), 1),
    "a stream called a page of text": Case("complete", [HEAD.replace(b"event-stream", b"plain") + b"\r\n", TOKEN,
                                                        STOP], 1),
    "HTTP/1.0": Case("complete", [NO_LENGTH.replace(b"1.1", b"1.0"), TOKEN, STOP], 1),
    "reset behind the finish reason": Case("complete", [*chunked(TOKEN, STOP)[:-1], 0.1, None], 1,
                                           outcome="broken_off"),
    "slow drip": Case("complete", fault("slow_drip", every_ms=0.1), 3),
    "oversized event": Case("complete", fault("oversized_event", bytes=BODY_LIMIT // 2), 4),
    "invalid UTF-8": Case("complete", fault("invalid_utf8"), 4),
    "invalid UTF-8 in a header": Case("complete", [HEAD + b"x-request-id: \xff\xfe\r\n\r\n", TOKEN, STOP], 1),
    "bytes behind the response": Case("complete", fault("extra_bytes"), 3),
    "early hints": Case("complete", fault("interim"), 3),
    "well": Case("complete", HELLO, 2),
}  # fmt: skip


def sent(case):
    """The body that the server sent, or would have, framing removed; up to where the framing breaks."""
    if isinstance(case.script, dict):
        data = b"".join(compiled(parse(json.dumps(case.script))).data)
    else:
        data = b"".join(part for part in case.script if isinstance(part, bytes))
    head, _, body = data.partition(b"\r\n\r\n")
    if b" 103 " in head:
        head, _, body = body.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/"):
        return data
    return dechunked(body) if b"chunked" in head else body


def dechunked(body):
    parts, at = [], 0
    while size := re.compile(rb"([0-9a-f]{1,8})\r\n").match(body, at):
        length = int(size[1], 16)
        parts.append(body[size.end() : size.end() + length])
        at = size.end() + length + 2
    return b"".join(parts)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return certificates.make(tmp_path_factory.mktemp("tls"))


@contextmanager
def greeting():
    """A server that talks first, as mail servers do; its port."""

    class Greeter(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.sendall(b"220 smtp.example\r\n")
            self.request.recv(65536)

    with socketserver.TCPServer(("127.0.0.1", 0), Greeter) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def address(case, truth, certificate, servers):
    """Where the case is answered; starts a server of its own for it where it needs one."""
    if isinstance(case.script, dict):
        return truth.url
    if isinstance(case.script, list):
        server = servers.enter_context(serving(case.script, tls=certificate.server() if case.is_tls else None))
        return server.secure_url if case.is_tls else server.url
    special = {
        "refused": lambda: f"http://127.0.0.1:{closed_port()}/v1",
        "untrusted": lambda: servers.enter_context(serving(HELLO, tls=certificate.server())).secure_url,
        "plain": lambda: servers.enter_context(serving(HELLO)).secure_url,
        "greeting": lambda: f"https://127.0.0.1:{servers.enter_context(greeting())}/v1",
    }
    return special[case.script]() if case.script in special else case.script


class Asking(StampedTransport):
    """Asks the truth server for a script."""

    def __init__(self, verify, script):
        super().__init__(verify)
        self.script = script

    async def handle_async_request(self, request):
        if isinstance(self.script, dict):
            request.headers["x-truth-script"] = json.dumps(self.script)
        return await super().handle_async_request(request)


async def record_all(store, jobs, certificate):
    trusting = ssl.create_default_context(cafile=str(certificate.path))

    async def one(index, job, case):
        async with Asking(trusting if case.is_tls else None, case.script) as transport:
            store.append(await record(transport, job, index, job.anchor_ns))

    await asyncio.gather(*(one(index, job, case) for index, (job, case) in enumerate(jobs)))


@pytest.fixture(scope="module")
def night(tmp_path_factory, certificate):
    """A run with every case in it, as the tables see it: traces, events, requests."""
    folder = tmp_path_factory.mktemp("faults")
    store = RunStore(folder, streams.manifest(f"{streams.NIGHT}.t.w.s.r01"))
    with ExitStack() as servers:
        truth = servers.enter_context(child.serving())
        jobs = []
        for case in CASES.values():
            this = plan.load(plans.write(folder, timeout_s=case.timeout_s, response_max_mib=BODY_LIMIT // 2**20))
            (run,) = plan.runs(this, streams.NIGHT, ["t"], [1])
            url = address(case, truth, certificate, servers) + "/chat/completions"
            jobs.append((Job(this, run, url, None, 0, 0), case))
        uvloop.run(record_all(store, jobs, certificate))
    store.close("finished")
    recorded = Recorded.load(folder, streams.NIGHT)
    found = events.build(recorded)
    return recorded, found, requests.build(recorded, found)


@pytest.mark.parametrize("name", CASES)
def test_a_fault_ends_in_its_status_with_its_bytes_kept(night, name):
    recorded, _, rows = night
    case = CASES[name]
    (row,) = rows.filter(pl.col("request_index") == list(CASES).index(name)).to_dicts()
    assert (row["status"], row["outcome"]) == (case.status, case.outcome), row["error"]
    assert (row["error"] is None) == (case.outcome == "ended")
    reads = recorded.reads.filter(pl.col("request_id") == row["request_id"])
    kept = b"".join(reads["payload"])
    assert (row["body_bytes"], row["read_count"]) == (len(kept), reads.height)
    if case.kept == "none":
        assert kept == b""
    elif case.kept == "all":
        assert kept == sent(case)
    else:
        assert kept[: len(sent(case))].startswith(sent(case)[: len(kept)])
    assert row["token_event_count"] >= case.tokens
    assert row["token_event_count"] == case.tokens or case.kept == "beginning"


def test_every_request_has_exactly_one_status(night):
    _, _, rows = night
    assert rows["request_index"].to_list() == list(range(len(CASES)))
    assert set(rows["status"]) == set(STATUSES) - {"cancelled"}  # nobody gave up here


def test_only_requests_that_ended_well_have_metrics(night):
    _, _, rows = night
    well = rows.filter(pl.col("status").is_in(WITH_METRICS))["request_id"].to_list()
    assert len(well) >= 10
    assert rows.filter("has_metrics")["request_id"].to_list() == well
    assert ttft.build(rows)["request_id"].to_list() == well
    assert output_speed.build(rows)["request_id"].to_list() == well


def critical_rules():
    for path in sorted(layouts.shipped("expectations").glob("*.sql")):
        table, text = path.name.partition(".")[0], path.read_text()
        if table in ("requests", "events") and "severity: critical" in text.splitlines()[0]:
            yield path.name, text


@pytest.mark.parametrize("name", [name for name, _ in critical_rules()])
def test_no_fault_of_a_server_breaks_a_rule_that_holds_the_night_back(night, name):
    _, found, rows = night
    with duckdb.connect() as warehouse:
        warehouse.register("events", found)
        named = rows.with_columns(
            model_echoed_as=pl.lit("truth")
        )  # as the plan of a night with that server would say
        warehouse.register("requests", named)
        assert warehouse.sql(dict(critical_rules())[name]).fetchall() == []
