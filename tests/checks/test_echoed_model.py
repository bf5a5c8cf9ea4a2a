"""A model cannot be replaced unseen, and a name that is only spelled otherwise is no alarm."""

import duckdb
import pytest

from pipeline.checks import suites

RULE = (suites.EXPECTATIONS / "requests.model_is_the_one_asked_for.sql").read_text()

SAME = [
    ("llama-3.1-8b-instant", "llama-3.1-8b-instant"),
    ("Meta-Llama-3.1-8B-Instruct", "meta-llama-3.1-8b-instruct"),
    ("openai/gpt-oss-120b", "gpt-oss-120b"),
    ("gpt-oss-120b", "openai/gpt-oss-120b"),
    ("accounts/fireworks/models/llama-v3p1-8b-instruct", "llama-v3p1-8b-instruct"),
    ("SmolLM2-135M.gguf", "/models/SmolLM2-135M.gguf"),
    ("llama-3.1-8b-random", "llama-3.1-8b-random@main"),
    ("gpt-4o", "gpt-4o-2024-08-06"),
    ("openai/gpt-4o", "gpt-4o-2024-08-06"),
    ("gpt-4o", "openai/gpt-4o-2024-08-06"),
    ("claude-3-5-haiku-latest", "claude-3-5-haiku-20241022"),
    ("gemini-1.5-flash", "gemini-1.5-flash-002"),
    ("llama3.1", "llama3.1:latest"),
    ("llama3.1:latest", "llama3.1"),
    ("anything", None),
]

ANOTHER = [
    ("llama-3.3-70b-versatile", "llama-3.1-8b-instant"),
    ("Meta-Llama-3.1-8B-Instruct", "Meta-Llama-3.1-8B-Instruct-Turbo"),
    ("Meta-Llama-3.1-8B-Instruct-Turbo", "Meta-Llama-3.1-8B-Instruct"),
    ("openai/gpt-oss-120b", "somebody/gpt-oss-120b"),
    ("gpt-oss-120b", "gpt-oss-20b"),
    ("gpt-oss-120b", "not-gpt-oss-120b"),
    ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06"),
    ("gpt-4o-2024-05-13", "gpt-4o"),
    ("gpt-4o", "gpt-4o-mini-2024-07-18"),
    ("llama3.1:70b", "llama3.1:8b"),
    ("llama3.1:70b", "llama3.1"),
    ("llama-3.1-8b", "llama-3.1-8b-fp8"),
    ("meta-llama/Llama-3.3-70B-Instruct:cerebras", "llama-3.3-70b"),
]


def found(asked: str, echoed: str | None, echoed_as: str | None = None) -> list[tuple[object, ...]]:
    names = "? AS model_id, ?::VARCHAR AS model_echoed, ?::VARCHAR AS model_echoed_as"
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE TABLE requests AS SELECT 't' AS target, true AS has_metrics, {names}",
            [asked, echoed, echoed_as],
        )
        return connection.execute(RULE).fetchall()


@pytest.mark.parametrize(("asked", "echoed"), SAME)
def test_another_spelling_is_the_same_model(asked: str, echoed: str | None) -> None:
    assert found(asked, echoed) == []


@pytest.mark.parametrize(("asked", "echoed"), ANOTHER)
def test_another_model_is_found(asked: str, echoed: str) -> None:
    assert found(asked, echoed) == [("t", asked, echoed, None, 1)]


def test_what_the_plan_knows_it_to_be_called_is_the_same_model() -> None:
    asked, echoed = "meta-llama/Llama-3.3-70B-Instruct:cerebras", "llama-3.3-70b"
    assert found(asked, echoed, "a-name, Llama-3.3-70B") == []
    assert found(asked, echoed, "llama-3.3-70b-instruct") != []


def test_it_keeps_the_night_from_being_published() -> None:
    [check] = [one for one in suites.specs() if one.name == "model_is_the_one_asked_for"]
    assert check.severity == "critical"
