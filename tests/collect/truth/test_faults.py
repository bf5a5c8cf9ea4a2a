import gzip
import json

import pytest

from pipeline.collect.truth.child import serving
from tests.collect.truth import raw

TOKEN = b'"content":" t'


@pytest.fixture(scope="module")
def truth():
    with serving() as running:
        yield running


def faulty(truth, fault: str, **more: object) -> bytes:
    return raw.response(truth, {"kind": "fault", "fault": fault, "every_ms": 0.5, **more})


@pytest.mark.parametrize(("fault", "tokens"), [("reset_before", 0), ("reset_after", 3)])
def test_a_reset_is_a_reset(truth, fault, tokens):
    connection = raw.connected(truth)
    connection.sendall(raw.ask(truth, {"kind": "fault", "fault": fault}))
    with pytest.raises(ConnectionResetError):
        raw.rest(connection)
    connection.close()
    assert max(sum(truth.logs(["a"])[0].events) - 1, 0) == tokens


@pytest.mark.parametrize(
    ("fault", "tokens"), [("close_before", 0), ("close_after", 3), ("half_close", 3), ("bad_chunk_size", 4)]
)
def test_a_close_comes_without_the_last_chunk(truth, fault, tokens):
    answer = faulty(truth, fault)
    assert answer.count(TOKEN) == tokens
    assert not answer.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(("fault", "tokens"), [("never_a_byte", 0), ("stall", 3), ("stall_in_event", 3)])
def test_a_stall_leaves_the_connection_open_and_says_no_more(truth, fault, tokens):
    connection = raw.connected(truth)
    connection.sendall(raw.ask(truth, {"kind": "fault", "fault": fault, "every_ms": 0.5}))
    connection.settimeout(0.2)
    with pytest.raises(TimeoutError):
        raw.rest(connection)
    connection.close()
    assert max(sum(truth.logs(["a"])[0].events) - 1, 0) == tokens


def test_a_slow_drip_sends_byte_by_byte(truth):
    answer = faulty(truth, "slow_drip", events=1, every_ms=0.01)
    [log] = truth.logs(["a"])
    assert log.bytes == [1] * len(answer)
    assert sum(log.events) == 5


@pytest.mark.parametrize("fault", ["endless", "endless_comments"])
def test_an_endless_stream_goes_on_until_the_client_leaves(truth, fault):
    connection = raw.connected(truth)
    connection.sendall(raw.ask(truth, {"kind": "fault", "fault": fault, "every_ms": 0.1}))
    taken = sum(len(connection.recv(4096)) for _ in range(50))
    connection.close()
    assert taken > 1000


def test_errors_come_as_json_and_as_pages(truth):
    json_answer = faulty(truth, "status", code=503)
    assert json_answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert json.loads(json_answer.partition(b"\r\n\r\n")[2])["error"]["code"] == 503
    assert b"text/html" in faulty(truth, "status", code=502, form="html")
    assert b"location: http://x/" in faulty(truth, "status", code=302, location="http://x/")


def test_a_429_says_when_to_come_back_and_can_end(truth):
    limits = {"code": 429, "retry_after_s": 0.5, "times": 2}
    answers = [faulty(truth, "status", **limits) for _ in range(3)]
    assert [b"retry-after: 0.5" in answer for answer in answers] == [True, True, False]
    assert answers[2].startswith(b"HTTP/1.1 200 OK")


def test_a_200_can_hold_an_error_inside_the_stream_or_instead_of_it(truth):
    assert b'data: {"error"' in faulty(truth, "error_inside")
    assert faulty(truth, "error_body").partition(b"\r\n\r\n")[2].startswith(b'{"error"')


def test_what_is_compressed_is_compressed_whether_it_says_so_or_not(truth):
    said, unsaid = faulty(truth, "compressed"), faulty(truth, "compressed_unsaid")
    assert b"content-encoding: gzip" in said
    assert b"content-encoding" not in unsaid
    assert gzip.decompress(raw.payload(unsaid)).count(TOKEN) == 3


def test_oversized_is_as_large_as_asked_for(truth):
    size = 300_000
    head = faulty(truth, "oversized_headers", bytes=size).partition(b"\r\n\r\n")[0]
    assert len(head) > size
    assert len(raw.payload(faulty(truth, "oversized_body", bytes=size))) > size
    assert max(map(len, raw.payload(faulty(truth, "oversized_event", bytes=size)).split(b"\n\n"))) > size


@pytest.mark.parametrize(
    ("fault", "mark"),
    [
        ("invalid_utf8", b"\xff\xfe\xc3"),
        ("wrong_content_type", b"text/html"),
        ("not_a_stream", b'"object": "chat.completion"'),
        ("short_content_length", b"content-length: 10485760"),
        ("not_http", b"SSH-2.0"),
        ("extra_bytes", b"0\r\n\r\nHTTP/1.1 200 OK"),
        ("interim", b"HTTP/1.1 103 Early Hints\r\n"),
        ("empty", b"chunked\r\n\r\n0\r\n\r\n"),
        ("truncated", b"t002"),
        ("wrong_chunk_length", b"\n\n\r\n95\r\n"),
    ],
)
def test_the_other_faults_are_what_they_say(truth, fault, mark):
    assert mark in faulty(truth, fault)
