import asyncio
import contextlib
import random
import socket
import ssl
import statistics
import struct
import sys
import threading
import time

import httpx
import pytest
import uvloop

from pipeline.collect.transport import (
    BODY_LIMIT,
    HEAD_LIMIT,
    Recording,
    RequestFailed,
    StampedTransport,
    clock,
    departure,
    proxy,
)
from tests import certificates, proxies
from tests.servers import HEAD, chunked, serving


def send(url, times=1, timeout=5.0, content=b"{}", verify=None, **transport):
    """Send the same request `times` times over one client; return the recordings."""

    async def run():
        recordings = []
        async with httpx.AsyncClient(transport=StampedTransport(verify, **transport)) as client:
            for _ in range(times):
                recording = Recording()
                recordings.append(recording)
                request = client.build_request("POST", url, content=content, extensions={"recording": recording})
                try:
                    async with asyncio.timeout(timeout):
                        await client.send(request, stream=True)
                except (RequestFailed, httpx.ConnectError, TimeoutError):
                    pass
        return recordings

    return uvloop.run(run())


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


def test_bytes_behind_a_response_are_ignored_and_their_connection_is_not_used_again():
    more = b"HTTP/1.1 500 no\r\nx-request-id: no\r\ncontent-length: 2\r\n\r\nno"
    with serving([b"".join(chunked(b"x")) + more]) as server:
        recordings = send(server.url, times=3)
        assert server.connections == 3
    assert [(one.outcome, one.status, body(one)) for one in recordings] == [("ended", 200, b"x")] * 3
    assert ("x-request-id", "no") not in recordings[0].headers


@pytest.mark.parametrize("end", [None, b"HTTP/1.1 408 Request Timeout\r\n\r\n"])
def test_a_connection_on_which_something_came_while_it_was_idle_is_not_used_again(end):
    async def run(url):
        recordings = [Recording(), Recording()]
        async with httpx.AsyncClient(transport=StampedTransport()) as client:
            for recording in recordings:
                more = {"recording": recording}
                await client.send(client.build_request("POST", url, content=b"{}", extensions=more), stream=True)
                time.sleep(0.2)  # noqa: ASYNC251 - the loop is busy, and has not seen it yet
        return recordings

    with serving([*chunked(b"x"), 0.05, end]) as server:
        recordings = uvloop.run(run(server.url))
        assert server.connections == 2
    assert [body(one) for one in recordings] == [b"x", b"x"]


def test_a_break_in_the_first_read_keeps_the_body_and_not_the_head():
    head = HEAD + b"set-cookie: sk-planted\r\ntransfer-encoding: chunked\r\n\r\n"
    with serving([head + b"9\r\ndata: a\n\n\r\nzz\r\nrest", 0.05, None]) as server:
        recording = only(server.url)
    assert recording.outcome == "bad_framing"
    assert body(recording) == b"data: a\n\n\r\nzz\r\nrest"


def test_a_header_that_is_no_ascii_is_kept_and_harms_nothing():
    with serving(chunked(b"x", head=HEAD + b"x-request-id: caf\xc3\xa9 \xff\r\n")) as server:
        recording = only(server.url)
    assert (recording.outcome, body(recording)) == ("ended", b"x")
    assert ("x-request-id", "caf\xc3\xa9 \xff") in recording.headers


def test_a_warm_connection_is_used_again_and_says_so():
    with serving(chunked(b"x")) as server:
        first, second = send(server.url, times=2)
        assert server.connections == 1
    assert (first.is_connection_reused, second.is_connection_reused) == (False, True)
    assert first.tcp_ns is not None
    assert second.connect_started_ns is None


def test_where_connections_are_not_used_again_each_request_has_its_own():
    with serving(chunked(b"x")) as server:
        recordings = send(server.url, times=2, reuses=False)
        assert server.connections == 2
    assert [(one.outcome, one.is_connection_reused) for one in recordings] == [("ended", False)] * 2


def test_a_reset_keeps_the_bytes_before_it():
    with serving([*chunked(b"data: a\n\n")[:2], 0.05, None]) as server:
        recording = only(server.url)
    assert (recording.outcome, body(recording)) == ("broken_off", b"data: a\n\n")


def test_a_reset_that_comes_together_with_the_last_bytes_is_seen():
    async def run(url):
        recording = Recording()
        async with httpx.AsyncClient(transport=StampedTransport()) as client:
            request = client.build_request("POST", url, content=b"{}", extensions={"recording": recording})
            asyncio.get_running_loop().call_later(0.05, time.sleep, 0.3)  # both wait for us when we look
            with contextlib.suppress(RequestFailed):
                await asyncio.wait_for(client.send(request, stream=True), 30)
        return recording

    head, part, _ = chunked(b"data: a\n\n")
    with serving([head, 0.15, part, None]) as server:
        recording = uvloop.run(run(server.url))
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


def test_an_endless_head_is_cut_at_the_limit():
    with serving([b"HTTP/1.1 200 OK\r\n", *[b"x-padding: " + b"x" * 8000 + b"\r\n"] * 60]) as server:
        recording = only(server.url)
    assert recording.outcome in ("over_limit", "bad_framing")
    assert recording.head_bytes < HEAD_LIMIT + (1 << 17)


def test_a_request_larger_than_the_socket_takes_at_once_arrives_whole():
    content = random.Random(1).randbytes(8 << 20)
    with serving(chunked(b"x")) as server:
        assert only(server.url, content=content, timeout=30).outcome == "ended"
        assert server.requests[0].endswith(content)


@pytest.mark.skipif(sys.platform != "linux", reason="receive stamps of the kernel are Linux' own")
def test_the_kernel_stamps_reads_and_its_stamps_lie_before_ours():
    script = [step for part in chunked(*[b"x"] * 20) for step in (part, 0.005)]
    with serving([0.1, *script]) as server:  # where nobody asked before, the kernel begins to stamp a moment later
        recording = only(server.url)
    assert recording.clock_source == "kernel"
    delays = [user - kernel for kernel, user in zip(recording.stamps_ns, recording.user_ns, strict=True)]
    assert min(delays) >= 0
    assert statistics.median(delays) < 5_000_000
    assert all(stamp > recording.sent_ns for stamp in recording.stamps_ns)


@pytest.mark.skipif(sys.platform != "linux", reason="transmit stamps of the kernel are Linux' own")
@pytest.mark.parametrize("size", [2, 100_000])
def test_the_kernel_stamps_a_request_between_the_call_and_the_answer(size):
    called = time.monotonic_ns()
    with serving([0.1, *chunked(b"x")]) as server:
        first, second = send(server.url, times=2, content=b"x" * size)
        assert server.requests[0].endswith(b"x" * size)
    assert (first.is_sent_stamped, second.is_sent_stamped) == (True, True)
    assert called < first.sent_ns < first.stamps_ns[0] < second.sent_ns < second.stamps_ns[0]


@pytest.mark.skipif(sys.platform != "linux", reason="transmit stamps of the kernel are Linux' own")
def test_a_transmit_stamp_that_comes_late_is_taken_and_keeps_no_read_waiting(monkeypatch):
    following, asked = departure._next, []

    def late(connection):
        asked.append(connection)
        return following(connection) if len(asked) > 1 else None

    monkeypatch.setattr(departure, "_next", late)
    monkeypatch.setattr("pipeline.collect.transport.connection.LOOK_EVERY_S", 3600.0)
    with serving([0.1, *[step for part in chunked(*[b"x"] * 5) for step in (part, 0.01)]]) as server:
        first, second = send(server.url, times=2, timeout=30.0)
    assert [(one.outcome, body(one), one.is_sent_stamped) for one in (first, second)] == [
        ("ended", b"xxxxx", True)
    ] * 2


@pytest.mark.skipif(sys.platform != "linux", reason="kernel stamps of sends are Linux'")
@pytest.mark.parametrize("script", [[0.05, *chunked(b"a")], chunked(b"a", b"b")])
def test_a_stamp_that_comes_when_it_is_no_longer_waited_for_does_not_hold_up_the_answer(script, monkeypatch):
    """It lies in the error queue, and libuv watches that socket no more."""
    monkeypatch.setattr(departure, "note", lambda *_: True)
    monkeypatch.setattr("pipeline.collect.transport.connection.LOOK_EVERY_S", 3600.0)
    pauses = [step for part in script for step in (part, 0.05)]
    with serving(pauses) as server:
        recordings = send(server.url, times=2)
    assert [one.outcome for one in recordings] == ["ended", "ended"]


def test_without_a_transmit_stamp_ours_from_before_the_write_is_used_and_said(monkeypatch):
    monkeypatch.setattr(departure, "enable", lambda _: False)
    called = time.monotonic_ns()
    with serving(chunked(b"x")) as server:
        recording = only(server.url)
    assert not recording.is_sent_stamped
    assert called < recording.sent_ns < recording.stamps_ns[0]


@pytest.mark.skipif(sys.platform != "linux", reason="receive stamps of the kernel are Linux' own")
def test_a_busy_loop_delays_our_stamp_but_not_the_kernels():
    async def run(url):
        recording = Recording()
        async with httpx.AsyncClient(transport=StampedTransport()) as client:
            request = client.build_request("POST", url, content=b"{}", extensions={"recording": recording})
            asyncio.get_running_loop().call_later(0.05, time.sleep, 0.3)
            await client.send(request, stream=True)
        return recording

    first, *rest = chunked(b"x")
    with serving([first, 0.15, *rest]) as server:
        recording = uvloop.run(run(server.url))
    assert recording.user_ns[-1] - recording.stamps_ns[-1] > 100_000_000


def test_without_kernel_stamps_ours_are_used_and_said_so(monkeypatch):
    monkeypatch.setattr("pipeline.collect.transport.clock.enable", lambda _: False)
    with serving(chunked(b"x")) as server:
        recording = only(server.url)
    assert recording.clock_source == "user"
    assert recording.stamps_ns == recording.user_ns


def test_reads_of_which_the_kernel_stamped_some_are_said_to_be_mixed():
    made = Recording(stamps_ns=[1, 2], user_ns=[1, 3])
    assert made.clock_source == "kernel"
    made.user_stamps = 1
    assert made.clock_source == "mixed"


def test_a_step_of_the_wall_clock_is_seen_and_does_not_move_the_stamps(monkeypatch):
    wall = clock.WallClock()
    step = 3_600_000_000_000
    now = time.time_ns
    monkeypatch.setattr("pipeline.collect.transport.clock.time.time_ns", lambda: now() + step)
    arrived = now() + step
    user = time.monotonic_ns()
    timespec = struct.pack("qq", *divmod(arrived, 1_000_000_000))
    ancillary = [(socket.SOL_SOCKET, 35, timespec)]
    assert wall.stamp(ancillary, user) is None  # from the future, by the old offset
    assert wall.steps == 1
    later = time.monotonic_ns()
    assert abs(wall.stamp(ancillary, later) - user) < 5_000_000


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return certificates.make(tmp_path_factory.mktemp("tls"))


def test_over_tls_the_body_is_the_same_and_every_read_has_its_stamp(certificate):
    script = chunked(b"data: a\n\n", b"data: b\n\n")
    trusting = ssl.create_default_context(cafile=str(certificate.path))
    with serving([step for part in script for step in (part, 0.02)], tls=certificate.server()) as server:
        first, second = send(server.secure_url, times=2, verify=trusting)
    for recording in (first, second):
        assert (recording.outcome, body(recording)) == ("ended", b"data: a\n\ndata: b\n\n")
        assert len(recording.stamps_ns) >= len(script)
    assert min(first.dns_ns, first.tcp_ns, first.tls_ns) > 0
    assert first.connect_started_ns + first.dns_ns + first.tcp_ns + first.tls_ns <= first.sent_ns
    assert (second.is_connection_reused, second.tls_ns) == (True, None)


def test_session_tickets_are_no_bytes_of_the_response(certificate):
    trusting = ssl.create_default_context(cafile=str(certificate.path))
    with serving([0.1, *chunked(b"data: a\n\n")], tls=certificate.server()) as server:
        (recording,) = send(server.secure_url, verify=trusting)
    assert recording.stamps_ns[0] - recording.sent_ns > 100_000_000
    assert len(recording.stamps_ns) == len(recording.payloads)


def test_the_certificates_of_the_environment_are_trusted(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    with serving(chunked(b"x"), tls=certificate.server()) as server:
        assert only(server.secure_url).outcome == "ended"


def test_a_certificate_that_nobody_vouches_for_is_refused_before_the_request(certificate):
    with serving(chunked(b"x"), tls=certificate.server()) as server:
        recording = only(server.secure_url)
        assert server.requests == []
    assert (recording.outcome, recording.sent_ns) == ("not_connected", None)
    assert "certificate" in recording.error.lower()


def test_a_server_that_does_not_speak_tls_is_not_connected():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet():
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"220 smtp.example\r\n")
                connection.recv(1000)

        thread = threading.Thread(target=greet)
        thread.start()
        recording = only(f"https://127.0.0.1:{server.getsockname()[1]}/")
        thread.join()
    assert (recording.outcome, recording.sent_ns) == ("not_connected", None)


@pytest.fixture
def proxied(monkeypatch):
    """A name that only the proxy can reach, and a proxy that reaches this machine."""
    with proxies.tunnel() as proxy:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://user:pass@127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "")
        yield proxy


def test_tls_goes_through_the_proxys_tunnel(proxied, certificate):
    trusting = ssl.create_default_context(cafile=str(certificate.path))
    with serving(chunked(b"x"), tls=certificate.server()) as server:
        recording = only(f"https://provider.test:{server.port}/v1", verify=trusting)
    assert (recording.outcome, body(recording)) == ("ended", b"x")
    assert proxied.heads[0].startswith(b"CONNECT provider.test:")
    assert b"Proxy-Authorization: Basic dXNlcjpwYXNz" in proxied.heads[0]


def test_plain_http_tells_the_proxy_the_whole_address(proxied):
    with serving(chunked(b"x")) as server:
        recording = only(f"http://provider.test:{server.port}/v1")
    assert recording.outcome == "ended"
    assert proxied.heads[0].startswith(b"POST http://provider.test:")


def test_a_refusing_proxy_is_named(proxied):
    proxied.refuses = True
    recording = only("https://provider.test/v1")
    assert recording.outcome == "not_connected"
    assert "the proxy refused the tunnel" in recording.error


def test_a_host_that_no_proxy_names_is_reached_without_one(proxied, monkeypatch):
    monkeypatch.setenv("no_proxy", "provider.invalid")
    assert only("http://provider.invalid/v1").outcome == "not_connected"
    assert proxied.heads == []


def test_a_proxy_of_another_kind_is_refused_with_the_cure_and_without_its_password(monkeypatch):
    monkeypatch.setenv("https_proxy", "socks5://user:secret@127.0.0.1:1080")
    monkeypatch.setenv("no_proxy", "")
    recording = only("https://provider.test/v1")
    assert recording.outcome == "not_connected"
    assert "a socks5 proxy (127.0.0.1) is not supported" in recording.error
    assert "secret" not in recording.error


def test_a_tunnel_to_an_address_of_ipv6_is_asked_for_in_brackets():
    assert (
        proxy.Proxy("p", 80, None).connect("2001:db8::1", 443).startswith(b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\n")
    )


def test_a_name_that_cannot_be_one_is_not_connected():
    recording = only(f"http://{'a' * 70}.invalid/v1")
    assert (recording.outcome, recording.sent_ns) == ("not_connected", None)


def test_this_machine_is_never_reached_through_a_proxy(proxied):
    with serving(chunked(b"x")) as server:
        assert only(server.url).outcome == "ended"
    assert proxied.heads == []
