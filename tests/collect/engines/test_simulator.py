"""The simulator as what it is to the pipeline: an engine with a process of its own, and a provenance."""

import asyncio
import json
import os
from datetime import date

import httpx
import pytest

from pipeline import plan
from pipeline.collect import engines, facts
from tests import plans
from tests.collect.truth.simulated import asked

FAST = {"ttft_ms": 20, "tok_s": 2000}


def within(body, tmp_path, **options):
    async def run():
        async with engines.running("simulator", {**FAST, **options}, tmp_path / "log") as engine:
            return await asyncio.to_thread(body, engine)

    return asyncio.run(run())


def ask(engine, name, **more):
    request = asked(name, **more)
    with httpx.Client(trust_env=False) as client:
        url = engine.base_url.removesuffix("/v1") + request.path
        return client.post(url, content=request.body, headers=request.headers)


def test_a_stream_takes_the_time_that_its_log_says(tmp_path):
    def body(engine):
        answer = ask(engine, "groq")
        root = engine.base_url.removesuffix("/v1")
        (name,) = httpx.get(f"{root}/logs", trust_env=False).json()
        return answer, httpx.get(f"{root}/log/{name}", trust_env=False).json()

    answer, log = within(body, tmp_path, speaks="groq")
    assert answer.text.endswith("data: [DONE]\n\n")
    assert log["is_complete"]
    assert json.loads(log["script"])["speaks"] == "groq"
    assert sum(log["events"]) == answer.text.count("\n\n")
    assert all(before >= due for before, due in zip(log["before_ns"], log["due_ns"], strict=True))


def test_streams_at_once_are_answered_each_at_its_own_pace(tmp_path):
    def body(engine):
        async def all_of_them():
            async with httpx.AsyncClient(trust_env=False) as client:
                requests = [asked("openrouter", tokens=tokens) for tokens in range(1, 17)]
                root = engine.base_url.removesuffix("/v1")
                sent = (client.post(root + one.path, content=one.body, headers=one.headers) for one in requests)
                return await asyncio.gather(*sent)

        return asyncio.run(all_of_them())

    answers = within(body, tmp_path, speaks="openrouter")
    assert [f'"completion_tokens":{tokens}' in one.text for tokens, one in enumerate(answers, 1)] == [True] * 16
    assert all(": OPENROUTER PROCESSING" in one.text for one in answers)


def test_a_refused_request_leaves_the_connection_open_for_the_next(tmp_path):
    def body(engine):
        with httpx.Client(trust_env=False) as client:
            statuses = []
            for model in ("nobody-has-this", "llama3-70b-8192", None):
                request = asked("groq", model=model)
                url = engine.base_url.removesuffix("/v1") + request.path
                got = client.post(url, content=request.body, headers=request.headers)
                statuses.append((got.status_code, got.headers.get("connection")))
            return statuses

    assert within(body, tmp_path, speaks="groq") == [(404, None), (400, None), (200, None)]


def test_the_engines_facts_say_what_was_simulated(tmp_path):
    told = within(lambda engine: engine.facts, tmp_path, speaks="cerebras", seed=7)
    assert (told.name, told.quantisation, told.device) == ("simulator", None, None)
    assert (told.details["speaks"], told.details["seed"], told.details["ttft_ms"]) == ("cerebras", 7, 20)
    with pytest.raises(ProcessLookupError):
        os.kill(told.pid, 0)


def test_a_provider_that_is_not_known_is_told_before_anything_starts(tmp_path):
    with pytest.raises(engines.EngineError, match=r"`speaks`.*providers"):
        within(lambda engine: engine, tmp_path, speaks="groqq")


@pytest.mark.parametrize("declared", ["measured", "simulated"])
def test_what_comes_from_the_simulator_is_simulated_and_hosted_whatever_the_plan_says(tmp_path, declared):
    target = f"""
[targets.fake]
title = "Fake"
provider = "p"
model = "m"
model_id = "llama-3.1-8b-instant"
dialect = "openai-chat"
workloads = ["w"]
scenarios = ["s"]
provenance = "{declared}"
engine = {{ name = "simulator", speaks = "groq" }}
"""
    this = plan.load(plans.write(tmp_path, extra=target))
    told = facts.target(this, "fake", date(2026, 11, 24), None)
    assert (told.provenance, told.kind, told.hardware) == ("simulated", "hosted", None)
    assert facts.target(this, "t", date(2026, 11, 24), None).provenance == "measured"


def test_only_the_simulator_only_pretends():
    assert [name for name in engines.names() if engines.is_simulated(name)] == ["simulator"]
    assert not engines.is_simulated("nobody-has-this")
