import asyncio
import socket

import httpx
import pytest

from pipeline.collect.transport import BODY_LIMIT, Recording, RequestFailed, StampedTransport
from tests.servers import HEAD, chunked, serving


def send(url, times=1, timeout=5.0):
    """Send the same request `times` times over one client; return the recordings."""

    async def run():
        recordings = []
        async with httpx.AsyncClient(transport=StampedTransport()) as client:
            for _ in range(times):
                recording = Recording()
                recordings.append(recording)
                request = client.build_request("POST", url, content=b"{}", extensions={"recording": recording})
                try:
                    async with asyncio.timeout(timeout):
                        await client.send(request, stream=True)
                except (RequestFailed, httpx.ConnectError, TimeoutError):
                    pass
        return recordings

    return asyncio.run(run())


def only(url, **more):
    (recording,) = send(url, **more)
    return recording


def body(recording):
    return b"".join(recording.payloads)


def test_a_chunked_body_is_kept_without_its_framing():
    with serving(chunked(b"data: a\n\n", b"data: b\n\n")) as server:
        recording = only(server.url)
    assert (recording.outcome, recording.status, body(recording)) == ("ended", 200, b"data: a\n\ndata: b\n\n")
    assert recording.body_bytes == 18


def test_every_socket_read_has_a_stamp_and_stamps_run_forward():
    script = chunked(b"a", b"b", b"c")
    with serving([step for part in script for step in (part, 0.02)]) as server:
        recording = only(server.url)
    assert len(recording.stamps_ns) == len(recording.payloads) == len(recording.wire_bytes) >= 4
    marks = [recording.connect_started_ns, recording.sent_ns, *recording.stamps_ns, recording.end_ns]
    assert marks == sorted(marks)


def test_a_body_with_a_length_ends_at_its_length():
    with serving([HEAD + b"content-length: 5\r\n\r\nhel", 0.01, b"lo"]) as server:
        assert body(only(server.url)) == b"hello"


def test_a_body_without_a_length_ends_with_the_connection():
    with serving([HEAD + b"\r\n", b"data: a\n\n", 0.01]) as server:
        recording = only(server.url)
    assert (recording.outcome, body(recording)) == ("ended", b"data: a\n\n")


def test_an_interim_response_is_not_the_response():
    with serving([b"HTTP/1.1 100 Continue\r\n\r\n", *chunked(b"x")]) as server:
        recording = only(server.url)
    assert (recording.status, body(recording)) == (200, b"x")


def test_a_warm_connection_is_used_again_and_says_so():
    with serving(chunked(b"x")) as server:
        first, second = send(server.url, times=2)
        assert server.connections == 1
    assert (first.is_connection_reused, second.is_connection_reused) == (False, True)
    assert first.tcp_ns is not None
    assert second.connect_started_ns is None


def test_a_reset_keeps_the_bytes_before_it():
    with serving([*chunked(b"data: a\n\n")[:2], 0.05, None]) as server:
        recording = only(server.url)
    assert (recording.outcome, body(recording)) == ("broken_off", b"data: a\n\n")


def test_a_close_before_the_announced_length_is_not_an_end():
    with serving([HEAD + b"content-length: 50\r\n\r\nhello", 0.01, None]) as server:
        assert only(server.url).outcome == "broken_off"


def test_bytes_that_are_not_http_are_kept():
    with serving([b"SSH-2.0-OpenSSH\r\n", 0.05, None]) as server:
        recording = only(server.url)
    assert (recording.outcome, body(recording)) == ("bad_framing", b"SSH-2.0-OpenSSH\r\n")


def test_a_wrong_chunk_size_is_bad_framing_and_keeps_what_came_before():
    with serving([*chunked(b"data: a\n\n")[:2], 0.05, b"zz\r\n", 0.05, None]) as server:
        recording = only(server.url)
    assert recording.outcome == "bad_framing"
    assert body(recording).startswith(b"data: a\n\n")


def test_a_refused_connection_is_not_connected():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    recording = only(f"http://127.0.0.1:{port}/")
    assert (recording.outcome, recording.sent_ns) == ("not_connected", None)
    assert str(port) in recording.error


def test_an_unknown_name_is_not_connected():
    assert only("http://no-such-host.invalid/").outcome == "not_connected"


def test_giving_up_keeps_what_came():
    with serving([*chunked(b"data: a\n\n")[:2], 5.0]) as server:
        recording = only(server.url, timeout=0.3)
    assert (recording.outcome, body(recording)) == ("cancelled", b"data: a\n\n")


def test_an_endless_body_is_cut_at_the_limit():
    part = b"x" * (1 << 20)
    with serving([HEAD + b"transfer-encoding: chunked\r\n\r\n", *[b"100000\r\n" + part + b"\r\n"] * 70]) as server:
        recording = only(server.url, timeout=30)
    assert recording.outcome == "over_limit"
    assert BODY_LIMIT < recording.body_bytes < BODY_LIMIT + (4 << 20)


@pytest.mark.parametrize("split", [1, 7, 64])
def test_what_is_recorded_does_not_depend_on_how_the_bytes_were_cut(split):
    whole = b"".join(chunked(b"data: a\n\n", b"data: b\n\n"))
    pieces = [whole[at : at + split] for at in range(0, len(whole), split)]
    head = pieces[0] if b"chunked" in pieces[0] else b""
    with serving([whole] if not head else pieces) as server:
        assert body(only(server.url)) == b"data: a\n\ndata: b\n\n"
