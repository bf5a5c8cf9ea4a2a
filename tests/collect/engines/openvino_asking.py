"""What the tests ask the embedded engine, and how they read its streams."""

import json

import httpx

MODEL = "smollm2-135m-instruct"
ASK = {"model": MODEL, "messages": [{"role": "user", "content": "Say only: yes"}], "temperature": 0}
CHAT, COMPLETIONS = "chat/completions", "completions"


def frames(client: httpx.Client, path: str, body: dict) -> list[bytes]:
    """The transfer frames of a stream, in order."""
    with client.stream("POST", path, json=body | {"stream": True}) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        return list(answer.iter_raw())


def stream(client: httpx.Client, path: str, body: dict) -> list[dict]:
    """The events of a stream without the end mark, which must be there."""
    *events, done, rest = b"".join(frames(client, path, body)).split(b"\n\n")
    assert (done, rest) == (b"data: [DONE]", b"")
    return [json.loads(event.removeprefix(b"data: ")) for event in events]


def text_of(events: list[dict]) -> str:
    choices = [choice for event in events for choice in event["choices"]]
    return "".join(choice["text"] if "text" in choice else choice["delta"].get("content", "") for choice in choices)


def finish_of(events: list[dict]) -> str:
    reasons = [choice["finish_reason"] for event in events for choice in event["choices"]]
    assert set(reasons[:-1]) <= {None}
    return reasons[-1]
