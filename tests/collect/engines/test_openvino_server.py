"""The embedded engine answers as OpenAI would, over a real socket."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.collect.engines import _http
from tests.collect.engines.openvino_asking import ASK, CHAT, COMPLETIONS, MODEL, finish_of, frames, stream, text_of

pytestmark = pytest.mark.engine


def test_it_says_that_it_is_ready_and_what_it_serves(engine, client):
    root = engine._process.root
    assert _http.get(root, "/health")[0] == 200
    (model,) = client.get("models").json()["data"]
    assert (model["id"], model["object"]) == (MODEL, "model")
    facts = engine.facts
    assert json.loads(_http.get(root, "/facts")[1])["details"].items() <= facts.details.items()
    assert f"--port {engine._process.port}" in facts.details["command"]
    assert (facts.name, facts.model, facts.quantisation) == ("openvino-genai", MODEL, "Q4_1")
    assert facts.threads == len(os.sched_getaffinity(0))
    assert facts.pid == engine._process.process.pid
    assert facts.details["weights_file"] == "SmolLM2-135M-Instruct.Q4_1.gguf"
    assert len(facts.details["weights_sha256"]) == 64
    assert facts.details["context_length"] == 8192


def test_a_streamed_chat_has_the_shape_of_openai(client):
    events = stream(client, CHAT, ASK | {"max_tokens": 6})
    assert {event["object"] for event in events} == {"chat.completion.chunk"}
    assert {event["model"] for event in events} == {MODEL}
    assert len({(event["id"], event["created"]) for event in events}) == 1
    assert all(event["system_fingerprint"].startswith("openvino-genai-20") for event in events)
    assert events[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert all(event["choices"][0]["delta"]["content"] for event in events[1:-1])
    assert events[-1]["choices"][0]["delta"] == {}
    assert finish_of(events) == "length"
    assert not any("usage" in event for event in events)


def test_every_token_is_an_event_and_every_event_a_frame(client):
    sent = frames(client, CHAT, ASK | {"max_tokens": 12})
    assert len(sent) == 1 + 12 + 1 + 1
    assert all(frame.startswith(b"data: ") and frame.count(b"\n\n") == 1 for frame in sent)


def test_usage_comes_last_and_only_when_asked_for(client):
    *events, last = stream(client, CHAT, ASK | {"max_tokens": 6, "stream_options": {"include_usage": True}})
    assert all(event["usage"] is None for event in events)
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 6
    assert last["usage"]["total_tokens"] == last["usage"]["prompt_tokens"] + 6
    assert stream(client, CHAT, ASK | {"max_tokens": 6, "stream_options": {}})[-1]["choices"] != []


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS])
def test_the_whole_answer_is_the_streamed_one(client, path):
    body = ASK if path == CHAT else {"model": MODEL, "prompt": "Once upon a time", "temperature": 0}
    whole = client.post(path, json=body | {"max_tokens": 40}).json()
    (choice,) = whole["choices"]
    events = stream(client, path, body | {"max_tokens": 40})
    assert whole["object"] == {CHAT: "chat.completion", COMPLETIONS: "text_completion"}[path]
    assert (choice["message"]["content"] if path == CHAT else choice["text"]) == text_of(events) != ""
    assert choice["finish_reason"] == finish_of(events) == "length"
    assert whole["usage"]["completion_tokens"] == 40


def test_the_end_of_turn_token_ends_the_text_and_does_not_show(client):
    whole = client.post(CHAT, json=ASK | {"max_completion_tokens": 400}).json()
    assert whole["choices"][0]["finish_reason"] == "stop"
    assert whole["usage"]["completion_tokens"] < 400
    assert "<|" not in whole["choices"][0]["message"]["content"]


def test_ignoring_the_end_of_turn_gives_the_very_number_of_tokens(client):
    whole = client.post(CHAT, json=ASK | {"max_tokens": 100, "ignore_eos": True}).json()
    assert whole["choices"][0]["finish_reason"] == "length"
    assert whole["usage"]["completion_tokens"] == 100
    assert "<|" not in whole["choices"][0]["message"]["content"]


def test_a_stop_string_ends_the_text_before_it(client):
    body = {"model": MODEL, "prompt": "Once upon a time", "temperature": 0, "max_tokens": 40}
    free = client.post(COMPLETIONS, json=body).json()["choices"][0]["text"]
    stop = free[len(free) // 2 :][:5]
    events = stream(client, COMPLETIONS, body | {"stop": [stop, "never said"]})
    assert text_of(events) == free[: free.index(stop)]
    assert finish_of(events) == "stop"


def test_characters_of_several_bytes_arrive_whole(client):
    body = {"model": MODEL, "prompt": "😀😀😀😀😀😀😀😀", "temperature": 0, "max_tokens": 24}
    events = stream(client, COMPLETIONS, body)
    assert "😀" in text_of(events)
    assert "\ufffd" not in text_of(events)


def test_a_seed_makes_sampling_repeatable(client):
    body = {"model": MODEL, "prompt": "My favourite", "temperature": 1.5, "max_tokens": 16}
    said = [client.post(COMPLETIONS, json=body | {"seed": seed}).json() for seed in (1, 1, 2)]
    first, again, other = (one["choices"][0]["text"] for one in said)
    assert first == again != other


def test_content_in_parts_and_null_parameters_are_what_openai_takes_them_for(client):
    parts = [{"type": "text", "text": "Say "}, {"type": "text", "text": "only: yes"}]
    body = ASK | {"max_tokens": 5, "messages": [{"role": "user", "content": parts}], "stop": None, "tools": None}
    assert text_of(stream(client, CHAT, body)) == text_of(stream(client, CHAT, ASK | {"max_tokens": 5}))


def test_four_streams_at_once_all_finish(client):
    def one(index: int) -> tuple[int, str]:
        ask = ASK | {"messages": [{"role": "user", "content": f"Count to {index + 20}."}]}
        events = stream(client, CHAT, ask | {"max_tokens": 24, "ignore_eos": True})
        return len(events), finish_of(events)

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(one, range(4)))
    assert [reason for _, reason in done] == ["length"] * 4
    assert all(count > 12 for count, _ in done)
