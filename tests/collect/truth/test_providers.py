"""Each simulated provider, held against the decoding half and, where they are at hand, against captured streams."""

import json
import os
from pathlib import Path

import pytest

from pipeline.collect.truth import providers
from pipeline.collect.truth.program import Program
from pipeline.collect.truth.providers._contract import Account
from pipeline.collect.truth.simulation import Simulation, compiled
from pipeline.collect.truth.simulator import Simulator
from pipeline.decode import limits
from tests.collect.truth.simulated import AT, answer, asked, dialect, response, streamed
from tests.decode import one_by_one
from tests.decode.recording import decoded, ended, recorded

NAMES = providers.names()
FOLDER = os.environ.get("TOKENCLOCK_WIRE_CORPUS")
WITHOUT_DONE = {"cerebras", "anthropic", "gemini"}
UNASKED = {"groq", "cerebras", "together", "fireworks", "deepinfra", "openrouter", "hyperbolic"}
CAPTURED = {
    "groq": "groq/llama31_8b_stream_usage",
    "cerebras": "cerebras/qwen3_instruct_stream_nov2025",
    "sambanova": "sambanova/llama31_8b_stream",
    "fireworks": "fireworks/deepseek_r1_stream_headers",
    "openrouter": "openrouter/llama33_70b_venice_stream",
    "hyperbolic": "hyperbolic/llama33_70b_continuous_usage",
    "nebius": "nebius/llama31_70b_stream",
    "anthropic": "anthropic/haiku_stream_reads",
    "gemini": "google/gemini_stream_crlf",
}


def said(name, body, **facts):
    return ended([body], dialect=dialect(name), **facts)


def test_there_are_more_than_eight_providers():
    assert len(NAMES) >= 12


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("length", [8, 4000])
def test_a_stream_decodes_to_the_answer_that_was_drawn(name, length):
    drawn, got = streamed(name, {"answer_tokens": length, "answer_spread": 0}, tokens=24)
    row = said(name, got.body)
    assert got.status == 200
    assert row["content"] == "".join(event.text for event in drawn.events)
    assert len(row["content"].split()) == drawn.tokens == row["completion_tokens"] == min(length, 24)
    assert row["status"] == ("length" if length > 24 else "complete")
    assert row["prompt_tokens"] == drawn.prompt_tokens
    assert row["model"] == drawn.request.model
    assert (b"[DONE]" in got.body) == (name not in WITHOUT_DONE)


@pytest.mark.parametrize("name", NAMES)
def test_decoding_at_once_says_what_decoding_one_by_one_says(name):
    _, got = streamed(name)
    night = recorded([got.body], dialect=dialect(name))
    assert one_by_one.decode(*night).equals(decoded([got.body], dialect=dialect(name)))


@pytest.mark.parametrize("name", NAMES)
def test_usage_comes_unasked_from_those_who_send_it_so(name):
    if dialect(name) != "openai-chat":
        pytest.skip("its dialect has nothing to ask with")
    _, got = streamed(name, stream_options={"include_usage": False})
    assert (said(name, got.body)["completion_tokens"] is not None) == (name in UNASKED)


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_that_breaks_is_an_error_in_a_200_that_keeps_its_tokens(name):
    drawn, got = streamed(name, {"error_share": 1.0})
    row = said(name, got.body)
    assert (got.status, row["status"]) == (200, "in_band_error")
    assert "simulated" in row["error_message"]
    assert (row["content"] or "") == "".join(event.text for event in drawn.events[: drawn.broken_at])


@pytest.mark.parametrize("name", NAMES)
def test_the_bytes_are_a_function_of_simulation_and_request(name):
    assert streamed(name) == streamed(name)
    assert streamed(name)[1].body != streamed(name, {"seed": 1})[1].body


@pytest.mark.parametrize("name", NAMES)
def test_a_servers_own_times_lie_within_what_a_client_can_see(name):
    drawn, got = streamed(name, {"tok_s": 900.0}, tokens=200, perf_metrics_in_response=True)
    events = decoded([got.body], dialect=dialect(name))
    last = {column: events[column].drop_nulls().to_list()[-1:] for column in events.columns if "server_" in column}
    ttft_ms, end_ms = 1e3 * drawn.ttft_s, 1e3 * drawn.events[-1].at_s
    for column, ends_ms in (("server_queue_ms", ttft_ms), ("server_ttft_ms", ttft_ms), ("server_total_ms", end_ms)):
        assert all(0 < ms <= ends_ms for ms in last[column]), column
    for rate in last["server_output_tok_s"]:
        flowing_s = drawn.events[-1].at_s - drawn.ttft_s
        assert rate == pytest.approx((drawn.tokens - 1) / flowing_s)
    parts = last["server_prefill_ms"] + last["server_decode_ms"]
    assert sum(parts) <= (last["server_total_ms"] or [0.0])[0] + 1e-6 or not parts


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_sent_out_of_order_and_the_first_token_at_the_ttft(name):
    provider, drawn = answer(name)
    made: Program = compiled(provider, drawn, Account(AT))
    assert list(made.at_ns) == sorted(made.at_ns)
    text = json.dumps(drawn.events[0].text).encode()
    first = next(at for at, data in zip(made.at_ns, made.data, strict=True) if text in data)
    assert first == pytest.approx(1e9 * drawn.ttft_s, abs=1)
    assert (made.at_ns[0] < first) == provider.opens_early


def refusal(name, request, **this):
    return response(Simulator(Simulation(speaks=name, **this)).program(request))


def message(name, got):
    return said(name, got.body, http_status=got.status, label=got.headers["content-type"])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", [404, 400])
def test_a_wrong_model_id_fails_loudly(name, status):
    retired = providers.find(name).retired
    if status == 400 and not retired:
        pytest.skip("none of its ids has ended")
    got = refusal(name, asked(name, model="nobody-has-this" if status == 404 else retired[0]))
    assert got.status in (400, 404)
    assert message(name, got)["status"] == "http_error"
    assert got.headers["content-length"] == str(len(got.body))


def test_groq_tells_a_model_that_has_ended_from_one_that_never_was():
    ended_, unknown = refusal("groq", asked("groq", model="llama3-70b-8192")), refusal("groq", asked("groq", "x"))
    assert (ended_.status, message("groq", ended_)["error_code"]) == (400, "model_decommissioned")
    assert (unknown.status, message("groq", unknown)["error_code"]) == (404, "model_not_found")


@pytest.mark.parametrize("name", NAMES)
def test_a_key_is_asked_for_where_the_simulation_says_so(name):
    assert refusal(name, asked(name, key=None), asks_key=True).status in (400, 401)
    assert refusal(name, asked(name, key="any"), asks_key=True).status == 200
    assert refusal(name, asked(name, key=None)).status == 200


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"model":3}', b'{"stream":false}'])
def test_what_cannot_be_read_is_refused_with_words(name, body):
    request = asked(name)
    got = refusal(name, type(request)(request.method, "/v1/other", request.headers, body))
    assert got.status == 400
    assert message(name, got)["error_message"]


@pytest.mark.parametrize("name", NAMES)
def test_the_limits_of_a_response_can_be_read_and_a_429_says_when_to_come_back(name):
    simulator = Simulator(Simulation(speaks=name, requests_per_minute=1))
    first, second = (response(simulator.program(asked(name))) for _ in range(2))
    assert (first.status, second.status) == (200, 429)
    known = limits.read({key.lower(): value for key, value in first.headers.items()})
    assert all(limit.remaining is None or limit.remaining <= (limit.allowed or 0) for limit in known)
    waits = limits.read({key.lower(): value for key, value in second.headers.items()})
    resets = [limit.reset_ms for limit in waits if limit.reset_ms]
    assert name == "gemini" or any(ms == pytest.approx(60_000, abs=2_000) for ms in resets), second.headers
    assert message(name, second)["status"] == "http_error"


def keys(value, at=""):
    """The paths of all keys in a JSON value."""
    if isinstance(value, list):
        return {path for one in value for path in keys(one, f"{at}[]")}
    if not isinstance(value, dict):
        return {at}
    return {path for key, one in value.items() for path in keys(one, f"{at}.{key}")} | {at}


def chunks(body):
    lines = body.decode().replace("\r\n", "\n").split("\n")
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


@pytest.mark.skipif(not FOLDER, reason="TOKENCLOCK_WIRE_CORPUS names no folder of recorded streams")
@pytest.mark.parametrize("name", CAPTURED)
def test_a_simulated_stream_has_no_key_that_captured_ones_lack_but_what_was_asked_for(name):
    captured = chunks((Path(FOLDER or "") / f"{CAPTURED[name]}.sse").read_bytes())
    _, got = streamed(name)
    known = set().union(*map(keys, captured))
    unknown = set().union(*map(keys, chunks(got.body))) - known
    asked_for = (
        {path for path in unknown if path.startswith(".usage")} if name in ("sambanova", "nebius") else set()
    )
    assert unknown == asked_for
    assert json.dumps(captured[0])[:12].split('"')[1] == json.dumps(chunks(got.body)[0])[:12].split('"')[1]
