"""The embedded engine refuses what it cannot serve, and says which parameter and why."""

import pytest

from tests.collect.engines.openvino_asking import ASK, CHAT, COMPLETIONS, MODEL

pytestmark = pytest.mark.engine
LONG = "hello " * 9000


@pytest.mark.parametrize(
    ("change", "refusal", "said"),
    [
        ({"model": "gpt"}, (404, "model", "model_not_found"), MODEL),
        ({"model": None}, (400, "model", "invalid_value"), "missing required field"),
        ({"messages": []}, (400, "messages", "invalid_value"), "length >= 1"),
        ({"messages": "hi"}, (400, "messages", "invalid_value"), "Expected `array`"),
        ({"messages": [{"role": "robot", "content": "x"}]}, (400, "messages[0].role", "invalid_value"), "robot"),
        ({"max_tokens": 0}, (400, "max_tokens", "invalid_value"), ">= 1"),
        ({"max_tokens": 10**30}, (400, "max_tokens", "invalid_value"), "<="),
        ({"max_tokens": "many"}, (400, "max_tokens", "invalid_value"), "Expected `int"),
        ({"max_tokens": 8192}, (400, None, "context_length_exceeded"), "holds 8192 tokens"),
        ({"messages": [{"role": "user", "content": LONG}]}, (400, None, "context_length_exceeded"), "or more"),
        ({"temperature": 3}, (400, "temperature", "invalid_value"), "<= 2"),
        ({"min_tokens": 9, "max_tokens": 8}, (400, None, "invalid_value"), "min_new_tokens must be less"),
        ({"n": 2}, (400, "n", "unsupported_value"), "only n = 1"),
        ({"stop": ""}, (400, "stop", "invalid_value"), "empty"),
        ({"stop": ["a"] * 5}, (400, "stop", "invalid_value"), "length <= 4"),
        ({"logprobs": True}, (400, "logprobs", "unknown_parameter"), "logprobs"),
    ],
)
@pytest.mark.parametrize("is_stream", [False, True])
def test_what_cannot_be_served_is_refused_in_words(client, change, refusal, said, is_stream):
    answer = client.post(CHAT, json=ASK | {"stream": is_stream} | change)
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert (answer.status_code, error["param"], error["code"]) == refusal
    assert said in error["message"]


@pytest.mark.parametrize(
    ("prompt", "said"),
    [("", "empty"), ([], "length >= 1"), (["a", "b"], "one prompt"), ([1, 99999], "0 to 49151"), ([True], "bool")],
)
def test_a_prompt_that_is_none_is_refused(client, prompt, said):
    answer = client.post(COMPLETIONS, json={"model": MODEL, "prompt": prompt})
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"model": "a\\ud800"}'])
def test_a_body_that_is_not_json_is_refused(client, body):
    answer = client.post(CHAT, content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")


def test_a_wrong_path_or_method_is_refused_in_the_same_words(client):
    assert client.post("embeddings").json()["error"]["message"] == "Not Found"
    assert client.get(CHAT).status_code == 405
    assert client.get(CHAT).json()["error"]["type"] == "invalid_request_error"
