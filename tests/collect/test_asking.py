import json

import pytest

from pipeline import plan, trace
from pipeline.collect import asking
from pipeline.collect import night as nights
from pipeline.collect.asking import DIALECTS, Question, UnaskableDialectError
from pipeline.collect.recorder import KEPT_HEADERS, KEPT_PREFIXES
from pipeline.decode.dialects import known
from tests import plans
from tests.servers import HELLO, serving

KEY = "sk-planted-secret"
QUESTION = Question("vendor/m:1", "Hello?", 31, 0.5)


def sent(layout, tmp_path, dialect, **more):
    """The request line, headers and body that a collection in a dialect sends."""
    with serving(HELLO) as server:
        path = plans.write(tmp_path, server.url, requests=1, warmup=0, **more)
        text = path.read_text().replace("openai-chat", dialect).replace('model_id = "m"', 'model_id = "vendor/m:1"')
        path.write_text(text)
        this = nights.Collection(plan.load(path), layout, nights.tonight(), {"P_API_KEY": KEY})
        (manifest,) = nights.collect(this, ["t"])
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    line, *headers = head.decode().lower().split("\r\n")
    requests, _ = trace.load(layout.traces, manifest.night)
    return line.split()[1], dict(header.split(": ", 1) for header in headers), json.loads(body), requests


@pytest.mark.parametrize("name", DIALECTS)
def test_a_collection_asks_in_every_dialect_and_keeps_the_key_in_one_header(layout, tmp_path, name):
    path, headers, body, requests = sent(layout, tmp_path, name)
    assert path.startswith("/v1/")
    assert [value for value in headers.values() if KEY in value] in ([KEY], [f"bearer {KEY}"])
    assert (headers["accept"], headers["accept-encoding"]) == (DIALECTS[name].accept, "identity")
    assert requests["dialect"].to_list() == [name]
    assert KEY not in str(requests.row(0))
    assert 31 in [value for _, value in leaves(body)]


def leaves(value, path=()):
    """Every path of a JSON value, with what lies at its end."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return [(path, value)]
    return [leaf for key, inner in value.items() for leaf in leaves(inner, (*path, key))]


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_says_the_model_the_text_the_length_and_the_temperature(name):
    body = asking.body(name, QUESTION)
    said = [value for _, value in leaves(body)]
    assert {"Hello?", 31, 0.5} <= set(said)
    assert (
        "vendor/m:1" in said
        or "/vendor%2Fm%3A1" in asking.url("http://h", name, QUESTION.model)
        or name
        in (
            "tgi",
            "triton",
        )
    )


def test_every_dialect_that_is_asked_in_is_understood():
    assert set(DIALECTS) < set(known())


@pytest.mark.parametrize(
    ("base", "name", "expected"),
    [
        ("https://h/v1", "openai-chat", "https://h/v1/chat/completions"),
        ("https://h/v1/", "openai-responses", "https://h/v1/responses"),
        ("https://h/v1", "anthropic-messages", "https://h/v1/messages"),
        ("http://h:11434", "ollama-chat", "http://h:11434/api/chat"),
        ("http://h/v1beta", "gemini", "http://h/v1beta/models/a%2Fb:streamGenerateContent?alt=sse"),
        ("http://h", "bedrock-converse", "http://h/model/a%2Fb/converse-stream"),
        (
            "http://h/deployments/d?api-version=1",
            "openai-chat",
            "http://h/deployments/d/chat/completions?api-version=1",
        ),
        ("http://h/v1?x=1", "gemini", "http://h/v1/models/a%2Fb:streamGenerateContent?alt=sse&x=1"),
    ],
)
def test_the_url_is_the_dialect_s_own(base, name, expected):
    assert asking.url(base, name, "a/b") == expected


def test_what_a_target_adds_is_laid_over_the_body_key_by_key():
    added = {"options": {"num_ctx": 512}, "keep_alive": "5m", "stream": False}
    body = asking.body("ollama-chat", QUESTION, added)
    assert body["options"] == {"num_predict": 31, "temperature": 0.5, "num_ctx": 512}
    assert (body["keep_alive"], body["stream"]) == ("5m", False)


def test_tgi_is_not_asked_for_a_temperature_that_it_refuses():
    assert asking.body("tgi", Question("m", "Hello?", 8, 0.0))["parameters"] == {
        "max_new_tokens": 8,
        "details": True,
    }


def test_a_request_without_a_key_has_no_key_header():
    assert set(asking.headers("openai-chat", None)) == {"accept", "accept-encoding", "content-type"}


def test_a_dialect_that_is_only_decoded_is_refused_with_those_that_can_be_asked():
    with pytest.raises(
        UnaskableDialectError, match=r"no request can be made in dialect 'replicate'; known: openai-chat"
    ):
        asking.url("http://h", "replicate", "m")


def test_no_header_that_may_hold_a_secret_or_name_an_account_is_kept():
    for name in ("set-cookie", "authorization", "x-api-key", "openai-organization", "anthropic-organization-id"):
        assert name not in KEPT_HEADERS
        assert not name.startswith(KEPT_PREFIXES)
