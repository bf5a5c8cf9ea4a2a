import asyncio
import socket
from contextlib import contextmanager

import pytest
import uvloop

from pipeline.collect.transport import Recording, StampedTransport, post, racing
from tests.servers import chunked, serving

FOREVER_S = 3600


@contextmanager
def deaf():
    """The address of a socket that takes no connection: its backlog is full, so that nothing answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        filling = []
        try:
            for _ in range(16):
                one = socket.socket()
                filling.append(one)
                one.settimeout(0.3)
                try:
                    one.connect(listening.getsockname())
                except TimeoutError:
                    break
            else:
                pytest.skip("a full backlog answers all the same on this system")
            yield at(listening)
        finally:
            for one in filling:
                one.close()


@contextmanager
def listening():
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield at(one)


def at(bound, family=socket.AF_INET):
    return (family, socket.SOCK_STREAM, 0, "", bound.getsockname() if isinstance(bound, socket.socket) else bound)


@pytest.fixture
def refusing():
    """An address at which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield at(bound)


@pytest.fixture
def made(monkeypatch):
    """All sockets that were made."""
    sockets = []

    class Kept(socket.socket):
        def __init__(self, *args, **more):
            super().__init__(*args, **more)
            sockets.append(self)

    with monkeypatch.context() as patch:
        patch.setattr(socket, "socket", Kept)
        yield sockets


def still_open(made):
    return [one for one in made if one.fileno() != -1]


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request):
    return request.param


async def connected(*addresses):
    async with asyncio.timeout(30):
        return await racing.first_connected(addresses)


def test_an_address_that_does_not_answer_holds_the_next_one_up_for_a_moment_only(run, made):
    with deaf() as silent, listening() as other:
        begun = len(made)
        found = run(connected(silent, other))
        assert found.getpeername() == other[4]
        assert found.getblocking() is False
        assert still_open(made[begun:]) == [found]
        found.close()


def test_behind_a_failure_the_next_address_is_tried_at_once(run, refusing, monkeypatch):
    monkeypatch.setattr(racing, "ATTEMPT_S", FOREVER_S)
    with listening() as other, run(connected(refusing, refusing, other)) as found:
        assert found.getpeername() == other[4]


def test_a_failure_behind_a_silent_address_goes_on_to_the_next_one_too(run, refusing):
    with deaf() as silent, listening() as other, run(connected(silent, refusing, other)) as found:
        assert found.getpeername() == other[4]


def test_of_several_that_answer_one_is_left_open(run, made, monkeypatch):
    monkeypatch.setattr(racing, "ATTEMPT_S", 0)
    with listening() as first, listening() as second, listening() as third:
        begun = len(made)
        found = run(connected(first, second, third))
        assert still_open(made[begun:]) == [found]
        found.close()


@pytest.mark.parametrize("times", [1, 3])
def test_where_none_answers_the_failure_is_told_and_nothing_left_open(run, refusing, made, times):
    begun = len(made)
    with pytest.raises(ConnectionRefusedError):
        run(connected(*[refusing] * times))
    assert still_open(made[begun:]) == []


def test_a_name_without_an_address_says_so(run):
    with pytest.raises(OSError, match="no address"):
        run(connected())


@pytest.mark.parametrize("times", [1, 3])
def test_whoever_gives_up_leaves_nothing_open(run, made, monkeypatch, times):
    monkeypatch.setattr(racing, "ATTEMPT_S", 0)

    async def given_up(silent):
        async with asyncio.timeout(0.2):
            await racing.first_connected([silent] * times)

    with deaf() as silent:
        begun = len(made)
        with pytest.raises(TimeoutError):
            run(given_up(silent))
        assert still_open(made[begun:]) == []


def test_families_take_turns_in_the_order_of_the_system():
    six, four = socket.AF_INET6, socket.AF_INET
    given = [at("a", six), at("b", six), at("c", six), at("d", four), at("e", four)]
    assert [one[4] for one in racing._in_turns(given)] == ["a", "d", "b", "e", "c"]


def test_a_request_reaches_a_name_whose_first_address_is_dead_and_its_phases_add_up():
    async def asked(silent, port):
        loop, recording = asyncio.get_running_loop(), Recording()

        async def found(*_, **__):
            return [silent, at(("127.0.0.1", port))]

        loop.getaddrinfo = found
        async with StampedTransport() as transport, asyncio.timeout(30):
            await transport.handle_async_request(post("http://two.example/v1", {}, b"{}", recording))
        return recording

    with deaf() as silent, serving(chunked(b"x")) as server:
        recording = asyncio.run(asked(silent, server.port))
    assert recording.outcome == "ended"
    assert recording.tcp_ns >= racing.ATTEMPT_S * 1e9 * 0.9
    assert recording.connect_started_ns + recording.dns_ns + recording.tcp_ns <= recording.sent_ns
