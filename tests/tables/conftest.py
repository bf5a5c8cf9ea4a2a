import json

import pytest


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
