"""A key that a server sends back is never kept: neither as it is nor as it is written elsewhere."""

import base64
import json
import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import trace
from pipeline.collect import night as nights
from pipeline.collect import redaction
from tests import plans
from tests.collect.test_night import KEY, collect
from tests.servers import serving

KEYS = st.text(string.ascii_letters + string.digits + '-_./+="', min_size=8, max_size=60)
FORMS = {
    "plain": str,
    "url": lambda key: quote(key, safe=""),
    "json": lambda key: json.dumps({"key": key}),
    "escaped slashes": lambda key: json.dumps(key).replace("/", "\\/"),
    "bearer": lambda key: f"Bearer {key}",
    "hex": lambda key: key.encode().hex(),
    **{
        f"base64, {n} before": lambda key, n=n: base64.b64encode(b"u" * n + key.encode() + b"tail").decode()
        for n in range(4)
    },
    "url-safe base64": lambda key: base64.urlsafe_b64encode(f"user:{key}".encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
@given(key=KEYS, cut=st.integers(0, 200), around=st.binary(max_size=20))
def test_however_it_is_written_and_wherever_it_is_cut(form, key, cut, around):
    body = around + FORMS[form](key).encode() + around
    pieces = [body[:cut], body[cut:]]
    kept = redaction.payloads(pieces, key)
    assert [len(piece) for piece in kept] == [len(piece) for piece in pieces]
    assert b"".join(kept) != body
    assert not any(written in b"".join(kept) for written in redaction.forms(key))


@given(pieces=st.lists(st.binary(max_size=30)), key=KEYS)
def test_what_does_not_hold_it_is_the_very_same(pieces, key):
    if not any(form in b"".join(pieces) for form in redaction.forms(key)):
        assert redaction.payloads(pieces, key) is pieces


@pytest.mark.parametrize("key", [None, "", "k", "short"])
def test_without_a_secret_nothing_is_masked(key):
    pieces = [b"a short key: k"]
    assert redaction.payloads(pieces, key) is pieces
    assert redaction.text("a short key: k", key) == "a short key: k"


def test_a_key_that_is_sent_back_is_masked_in_place_and_the_request_says_so(layout, tmp_path):
    said = b'{"error":{"message":"Incorrect API key provided: %s"}}' % KEY.encode()
    head = b"HTTP/1.1 401 no\r\nx-request-id: for-%s\r\ncontent-length: %d\r\n\r\n" % (KEY.encode(), len(said))
    with serving([head + said[:50], 0.05, said[50:]]) as server:
        (manifest,) = collect(layout, plans.write(tmp_path, server.url, requests=1, warmup=0))
    requests, reads = trace.load(layout.traces, nights.tonight())
    body = b"".join(reads.sort("read_index")["payload"])
    assert len(body) == len(said) == requests["body_bytes"].item()
    assert redaction.MASK.encode() in body
    assert requests["error"].item() == redaction.NOTE
    assert requests["response_headers"].item()[0]["value"].startswith(f"for-{redaction.MASK}")
    assert redaction.MASK in manifest.error
    for path in layout.data.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


def test_keys_are_no_part_of_what_objects_say_of_themselves(layout, tmp_path):
    this = nights.Collection(None, layout, nights.tonight(), {"P_API_KEY": KEY})
    assert KEY not in repr(this)
