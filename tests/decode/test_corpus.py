"""Recorded streams of real providers, where a folder of them is given by TOKENCLOCK_WIRE_CORPUS.

A fixture is a body with `.headers.json` beside it; SSE bodies have `.expected.json` (what the standard
dispatches) and some have `.reads.json` (the lengths of the socket reads).
"""

import json
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

from pipeline.decode import events, headers, limits
from pipeline.decode.dialects import known
from pipeline.decode.events import SCHEMA
from pipeline.decode.sse import Parser

from . import one_by_one
from .corpus_expected import BODIES, OWN, STREAMS, TIMED
from .recording import boiled_down, ended, recorded
from .reference import parse

FOLDER = os.environ.get("TOKENCLOCK_WIRE_CORPUS")
ROOT = Path(FOLDER or "/nowhere")
pytestmark = pytest.mark.skipif(not FOLDER, reason="TOKENCLOCK_WIRE_CORPUS names no folder of recorded streams")

ORIGINS = sorted(ROOT.glob("*/*.origin.json")) if FOLDER else []
NAMES = [f"{path.parent.name}/{path.name.removesuffix('.origin.json')}" for path in ORIGINS]
SSE = [name for name in NAMES if (ROOT / f"{name}.expected.json").exists()]
CUT = [name for name in NAMES if (ROOT / f"{name}.reads.json").exists()]


def told(name: str, kind: str) -> Any:
    return json.loads((ROOT / f"{name}.{kind}.json").read_text())


def body_of(name: str) -> bytes:
    return (ROOT / name).with_name(told(name, "origin")["body_file"]).read_bytes()


def facts_of(name: str) -> dict[str, Any]:
    """Status, headers and dialect as a trace holds them."""
    answered = told(name, "headers")
    pairs = [{"name": key.lower(), "value": value} for key, value in answered["headers"]]
    dialect = OWN[name][0] if name in OWN else "openai-chat"
    facts = {"request_id": name, "http_status": answered["status"], "response_headers": pairs}
    return {**facts, "dialect": dialect}


def pieces_of(name: str) -> list[bytes]:
    body, start, pieces = body_of(name), 0, []
    for length in told(name, "reads")["read_lengths"]:
        pieces.append(body[start : start + length])
        start += length
    return [*pieces, body[start:]]


def random_pieces(body: bytes, seed: int) -> list[bytes]:
    random = Random(seed)
    cuts = sorted(random.sample(range(len(body) + 1), min(len(body), random.choice([1, 9, 99]))))
    return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


def chunks_of(name: str) -> Iterator[dict[str, Any]]:
    for _, data in parse(body_of(name)):
        if data.startswith("{"):
            yield json.loads(data)


def deltas_of(name: str, *keys: str) -> str:
    """The text under `keys` of all choices, read in the plainest way there is."""
    choices = [choice for chunk in chunks_of(name) for choice in chunk.get("choices", [])]
    said = [choice.get("delta", choice) for choice in choices]
    return "".join(next((delta[key] for key in keys if delta.get(key)), "") for delta in said)


def calls_of(name: str) -> str:
    deltas = [choice.get("delta", {}) for chunk in chunks_of(name) for choice in chunk.get("choices", [])]
    calls = [call for delta in deltas for call in delta.get("tool_calls") or []]
    return "".join(call["function"].get("arguments") or "" for call in calls)


@pytest.mark.parametrize("name", SSE)
def test_the_standard_s_events_are_dispatched(name: str) -> None:
    expected, parser = told(name, "expected"), Parser()
    found = [event for _, event in parser.feed(body_of(name))]
    assert len(found) == expected["dispatched_events"]
    assert sorted({event.type for event in found}) == expected["event_types"]
    assert any(event.data == b"[DONE]" for event in found) == expected["has_done"]
    assert bool(parser.tail) == expected["undispatched_tail"]
    assert [(event.type, event.data.decode()) for event in found] == parse(body_of(name))


@pytest.mark.parametrize("name", NAMES)
def test_random_cuts_change_nothing_but_the_reads(name: str) -> None:
    body, facts = body_of(name), facts_of(name)
    said = pl.exclude("read_index", "at_ns")
    whole = events.decode(*recorded([body], **facts))
    for seed in range(5):
        cut = events.decode(*recorded(random_pieces(body, seed), **facts))
        assert cut.select(said).equals(whole.select(said))


@pytest.mark.parametrize("name", NAMES)
def test_decoding_at_once_says_what_decoding_one_by_one_says(name: str) -> None:
    night = recorded(random_pieces(body_of(name), 1), **facts_of(name))
    assert events.decode(*night).equals(one_by_one.decode(*night))


@pytest.mark.parametrize("name", CUT)
def test_events_come_with_the_reads_that_were_recorded(name: str) -> None:
    pieces = pieces_of(name)
    found = events.decode(*recorded(pieces, **facts_of(name)))
    counts = [len(parse(b"".join(pieces[:end]))) for end in range(len(pieces) + 1)]
    arrived = found.group_by("read_index").len()
    expected = {read: after - before for read, (before, after) in enumerate(pairwise(counts))}
    assert dict(arrived.iter_rows()) == {read: count for read, count in expected.items() if count}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_says_what_plain_json_says(name: str, corpus_rows: list[str]) -> None:
    row = ended([body_of(name)], **facts_of(name))
    counts = row["token_event_count"], row["finish_reason"], row["prompt_tokens"], row["completion_tokens"]
    assert (row["status"], *counts) == STREAMS[name]
    assert (row["content"] or "") == deltas_of(name, "content", "text")
    assert (row["reasoning"] or "") == deltas_of(name, "reasoning", "reasoning_content")
    assert (row["tool_calls"] or "") == calls_of(name)
    corpus_rows.append(shown("openai-chat", name, row))


def shown(dialect: str, name: str, row: dict[str, Any]) -> str:
    counts = row["token_event_count"], row["finish_reason"], row["prompt_tokens"], row["completion_tokens"]
    said = [str(item) if item is not None else "–" for item in counts]
    return f"{dialect:18}  {name:58} {row['status']:15} {' '.join(f'{item:>10}' for item in said)}"


def in_json(value: Any, *keys: str) -> str:
    """All text under `keys`, wherever it stands: the plainest reading of a stream there is."""
    if isinstance(value, list):
        return "".join(in_json(item, *keys) for item in value)
    if not isinstance(value, dict):
        return ""
    texts = [item if key in keys and isinstance(item, str) else in_json(item, *keys) for key, item in value.items()]
    return "".join(texts)


def objects_of(name: str) -> list[Any]:
    body = body_of(name)
    lines = [data for _, data in parse(body)] or body.decode("utf-8", "replace").split("\n")
    return [json.loads(line) for line in lines if line.startswith("{")]


PLAIN = {
    "anthropic-messages": ("text",),
    "gemini": ("text",),
    "ollama-chat": ("content",),
    "triton": ("text_output",),
    "watsonx": ("generated_text",),
}


@pytest.mark.parametrize("name", OWN)
def test_a_stream_of_a_protocol_of_its_own_is_understood(name: str, corpus_rows: list[str]) -> None:
    dialect, expected = OWN[name]
    row = ended([body_of(name)], **facts_of(name))
    counts = row["token_event_count"], row["finish_reason"], row["prompt_tokens"], row["completion_tokens"]
    assert (row["status"], *counts) == expected
    if dialect in PLAIN:
        assert row["content"] == in_json(objects_of(name), *PLAIN[dialect])
    assert row["content"]
    corpus_rows.append(shown(dialect, name, row))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in BODIES])
def test_a_server_s_own_times_are_found_and_none_is_made_up(name: str) -> None:
    found = events.decode(*recorded([body_of(name)], **facts_of(name)))
    columns = [column for column in SCHEMA if column.startswith("server_")]
    last = {column.removeprefix("server_"): found[column].drop_nulls().to_list()[-1:] for column in columns}
    told_by_groq = TIMED["groq/llama31_8b_stream_usage"] if is_derived_from_groq(name) else {}
    expected = TIMED.get(name, told_by_groq)
    assert {column: round(value) for column, values in last.items() for value in values} == expected


def is_derived_from_groq(name: str) -> bool:
    return name.startswith("_synthetic/") and b"queue_time" in body_of(name)


@pytest.mark.parametrize("dialect", sorted(known()))
@pytest.mark.parametrize("name", NAMES)
def test_no_fixture_raises_in_any_dialect_and_none_looks_whole_in_another(name: str, dialect: str) -> None:
    row = ended([body_of(name)], **{**facts_of(name), "dialect": dialect})
    is_own = facts_of(name)["dialect"] == dialect or {dialect, facts_of(name)["dialect"]} in ALIKE
    assert is_own or row["status"] not in ("complete", "length")


ALIKE = (
    {"openai-chat", "openai-completions"},
    {"ollama-chat", "ollama-generate"},
    {"bedrock-converse", "bedrock-invoke"},
)


@pytest.mark.parametrize("name", NAMES)
def test_headers_are_read_and_their_limits_state_something(name: str) -> None:
    found = headers.by_name(facts_of(name)["response_headers"])
    headers.read(found)
    stated = [header for header in found if "ratelimit" in header or header.startswith("retry-after")]
    is_unlimited = all(float(found[header]) > 2**62 for header in stated if found[header].isdigit())
    assert bool(limits.read(found)) == bool(stated) or is_unlimited


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_no_stream_names_its_error(name: str, corpus_rows: list[str]) -> None:
    requests, reads = recorded([body_of(name)], **facts_of(name))
    found = events.decode(requests, reads)
    row = boiled_down(requests, found).row(0, named=True)
    assert found["event_type"].to_list() == ["body"]
    assert (row["http_status"], row["error_code"]) == BODIES[name]
    assert row["status"] == ("http_error" if row["http_status"] >= 400 else "not_a_stream")
    corpus_rows.append(f"{'body':18}  {name:58} {row['status']:15} {row['http_status']} {row['error_code'] or '–'}")


def test_every_fixture_is_expected_with_a_dialect_of_its_own() -> None:
    assert set(NAMES) == set(STREAMS) | set(BODIES) | set(OWN)
    for name in OWN:
        assert not any("choices" in chunk for chunk in chunks_of(name))
