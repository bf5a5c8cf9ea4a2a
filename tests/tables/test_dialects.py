"""What other tools would have said: the golden stream has exactly the figures of METRICS section 6."""

import json

import pytest

from pipeline import tables
from tests import streams


@pytest.fixture(scope="session")
def words(tmp_path_factory):
    """A tokenizer for which every word of the golden stream is a token."""
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    path.write_text(
        json.dumps(
            {
                "version": "1.0",
                "added_tokens": [],
                "normalizer": None,
                "pre_tokenizer": {"type": "WhitespaceSplit"},
                "post_processor": None,
                "decoder": None,
                "model": {"type": "WordLevel", "vocab": {"one": 0, "two": 1, "?": 2}, "unk_token": "?"},
            }
        )
    )
    return f"hf:{path}"


def build(recorded):
    made = {}
    for name, table in tables.tables().items():
        made[name] = table.build(*(recorded if i == tables.TRACE else made[i] for i in table.inputs))
    return made


def golden(words, script, **more):
    """The tables of a night of one such stream of a model with a known tokenizer."""
    end = round(script[-1][0] * streams.MS)
    request = streams.request(end_ns=end, tokens_requested=50, **more)
    run = streams.manifest(target=streams.target(tokenizer=words))
    return build(streams.recorded([request], streams.reads(script), run))


def said(made, dialect):
    """What a tool says of the one request."""
    rows = made["metric_dialects"].filter(dialect=dialect)
    return dict(zip(rows["metric"], rows["value"], strict=True))


def test_vllm_says_of_the_golden_stream_what_it_says(words):
    made = golden(words, streams.GOLDEN)
    assert said(made, "vllm") == pytest.approx(
        {"ttft_ms": 300, "itl_ms": 50, "tpot_ms": 500 / 30, "e2e_ms": 800, "tokens": 31}
    )
