"""Whatever bytes come, and however they were cut: each read has its payload, and nothing of a head is kept."""

import itertools

import httptools
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.collect.transport import Recording
from pipeline.collect.transport.framing import Response

COOKIE = b"set-cookie: sk-planted\r\n"
HEAD = b"HTTP/1.1 200 OK\r\n" + COOKIE + b"transfer-encoding: chunked\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\n" + COOKIE + b"\r\n"
CHUNK = b"9\r\ndata: a\n\n\r\n"
WHOLE = HEAD + CHUNK * 3 + b"0\r\n\r\n"

SPOILS = st.sampled_from(
    [b"\r\n", b"\n", b"\x00", b"zz\r\n", b"ffffffffff\r\n", b"upgrade: x\r\nconnection: upgrade\r\n", HINTS, HEAD]
)


def taken(pieces):
    """What is kept of reads, as a connection has it."""
    recording = Recording()
    response = Response(recording)
    count = 0
    for piece in pieces:
        count += 1
        try:
            if response.feed(piece):
                break
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            response.keep(response.broken(piece))
            break
    assert len(recording.payloads) == count
    assert recording.body_bytes == sum(map(len, recording.payloads))
    return b"".join(recording.payloads)


def cut(data, at):
    edges = [0, *sorted(min(one, len(data)) for one in at), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges) if start < end]


@given(st.lists(st.integers(0, len(WHOLE)), max_size=5), st.lists(st.tuples(st.integers(0, len(WHOLE)), SPOILS)))
@example([], [(0, b"\x00")])
@example([len(HEAD) - 1], [(len(HEAD), b"zz\r\n")])
@example([], [(len(HEAD), b"upgrade: x\r\nconnection: upgrade\r\n")])
def test_every_read_has_its_payload_whatever_it_holds(cuts, spoils):
    data = WHOLE
    for at, spoil in spoils:
        data = data[:at] + spoil + data[at:]
    taken(cut(data, cuts))


@given(st.lists(st.integers(0, len(HINTS + HEAD)), max_size=3), st.booleans())
def test_a_break_behind_a_head_keeps_what_is_behind_it_and_nothing_of_it(cuts, has_hints):
    head = HINTS + HEAD if has_hints else HEAD
    pieces = cut(head + CHUNK + b"zz\r\n\r\nrest", [min(at, len(head)) for at in cuts])
    assert taken(pieces) == b"data: a\n\n\r\nzz\r\n\r\nrest"


def test_a_body_is_the_same_however_it_was_cut():
    for at in range(1, len(WHOLE)):
        assert taken(cut(WHOLE, [at])) == b"data: a\n\n" * 3
