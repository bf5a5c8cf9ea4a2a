"""Llama 3's tokenizer from a file in its format: a small one of our own, and the real one where it is installed."""

import base64
import re
import sys
from importlib.util import find_spec
from itertools import pairwise
from random import Random

import pytest

from pipeline.decode import tokens
from pipeline.decode.tokens import TokenizerError

SPEC = "wheel:small_wheel/llama3/tokenizer.model"
MERGED = [
    "th",
    "the",
    " t",
    " th",
    " the",
    "in",
    "ing",
    " a",
    "an",
    "and",
    " and",
    "  ",
    "é",
    "ab",
    "bc",
    "abc",
    "cab",
]
CUT = re.compile(r"[^\r\n\w]?[^\W\d_]+|\d{1,3}| ?[^\s\w]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


@pytest.fixture(scope="module")
def ranks():
    whole = [bytes([byte]) for byte in range(256)] + [token.encode() for token in MERGED]
    return {token: rank for rank, token in enumerate(dict.fromkeys(whole))}


@pytest.fixture
def small(tmp_path, monkeypatch, ranks):
    """A package with such a file, that may not be imported."""
    folder = tmp_path / "small_wheel" / "llama3"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("raise AssertionError('imported')")
    lines = [f"{base64.b64encode(token).decode()} {rank}\n" for token, rank in ranks.items()]
    (folder / "tokenizer.model").write_text("".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    tokens.load.cache_clear()
    yield folder / "tokenizer.model"
    tokens.load.cache_clear()


def slowly(ranks, text):
    """As tiktoken does: of all neighbours merge those of the lowest rank, until none is a token."""
    found = []
    for piece in CUT.findall(text):
        whole = piece.encode()
        parts = [bytes([byte]) for byte in whole]
        while whole not in ranks and len(parts) > 1:
            pairs = [(ranks[a + b], at) for at, (a, b) in enumerate(pairwise(parts)) if a + b in ranks]
            if not pairs:
                break
            at = min(pairs)[1]
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        found += [ranks[whole]] if whole in ranks else [ranks[part] for part in parts]
    return found


def test_ids_are_those_of_merging_by_rank(small, ranks):
    random = Random(1)
    tokenizer = tokens.load(SPEC)
    pieces = ["the", " ", "thing", "and", "é", "abcab", "cabc", "12345", "\n", "!?", "  ", "本", " a", "tha"]
    for _ in range(300):
        text = "".join(random.choices(pieces, k=random.randint(0, 8)))
        assert tokenizer.encode(text, add_special_tokens=False).ids == slowly(ranks, text), text
    assert "small_wheel" not in sys.modules


def test_text_comes_back_whole(small):
    tokenizer = tokens.load(SPEC)
    text = "the thing, and 日本 12 é"
    assert tokenizer.decode(tokenizer.encode(text).ids) == text
    assert tokens.count_pieces(tokenizer, [["the th", "ing"]]) == [[2, 1]]


def test_where_the_wheel_is_missing_nothing_is_recounted(small):
    assert tokens.is_at_hand(SPEC)
    assert not tokens.is_at_hand("wheel:no_such_package/llama3/tokenizer.model")
    assert tokens.is_at_hand("gguf:no_such_package")  # whoever names one of these has to have it


@pytest.mark.parametrize("content", ["%%% 1\n", "YQ== 0\n", "YQ== one\n", "YQ==\n"])
def test_a_file_of_another_kind_is_named_with_the_cure(small, content):
    small.write_text(content)
    with pytest.raises(
        TokenizerError, match=r"tokenizer\.model: not a tokenizer of Llama 3 .*install its wheel again"
    ):
        tokens.load(SPEC)


@pytest.mark.skipif(not find_spec("llama_models"), reason="pip install --no-deps llama-models")
def test_the_real_one_gives_the_ids_that_are_known_of_it():
    ids = tokens.load("wheel:llama_models/llama3/tokenizer.model").encode("Hello, world!").ids
    assert ids == [9906, 11, 1917, 0]
