"""The checkpoint with random weights: the shapes of the real model, the same bytes everywhere."""

import base64
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.collect import random_llama
from pipeline.collect.random_llama import weights
from pipeline.collect.random_llama.__main__ import main
from pipeline.collect.random_llama.shapes import SHAPES, VOCABULARY_SIZE, Shape, config
from pipeline.collect.random_llama.tokenizer import TokenizerFileError, Vocabulary, build, special_tokens

SMALL = Shape(hidden=16, intermediate=32, layers=1, heads=2, kv_heads=1)
WORDS = [b"ri", b"er", b" r", b" ri", b"ver", b" river", b" river2", b"\n\n", b" sea"]


@pytest.fixture
def tiktoken(tmp_path) -> Path:
    tokens = [bytes([byte]) for byte in range(256)] + WORDS
    lines = [base64.b64encode(token) + f" {rank}".encode() for rank, token in enumerate(tokens)]
    path = tmp_path / "tokenizer.model"
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def read_shard(path: Path) -> dict[str, np.ndarray]:
    """Read a safetensors file as its format's description says: length, JSON header, data without gaps."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__")
    data, end, found = content[8 + length :], 0, {}
    for name, told in header.items():
        first, last = told["data_offsets"]
        assert (first, told["dtype"]) == (end, "BF16")
        assert last - first == 2 * math.prod(told["shape"])
        bits = np.frombuffer(data[first:last], np.uint16).astype(np.uint32) << 16
        found[name] = bits.view(np.float32).reshape(told["shape"])
        end = last
    assert end == len(data)
    return found


def checkpoint(monkeypatch, folder: Path, tiktoken: Path, seed: int = 0) -> Path:
    monkeypatch.setitem(SHAPES, "small", SMALL)
    random_llama.write(folder, "small", seed, tiktoken)
    return folder


def test_the_large_shape_has_as_many_parameters_as_llama_3_1_8b_is_published_with():
    assert SHAPES["llama-3.1-8b"].parameters == 8_030_261_248


def test_the_configuration_and_the_tensors_agree():
    for shape in SHAPES.values():
        told, shapes = config(shape), {name: size for name, *size in shape.tensors()}
        assert shapes["model.layers.0.self_attn.k_proj.weight"][0] == told["num_key_value_heads"] * told["head_dim"]
        assert f"model.layers.{told['num_hidden_layers'] - 1}.mlp.down_proj.weight" in shapes
        assert "eos_token_id" not in told


def test_the_same_seed_gives_the_same_bytes_whatever_the_cores_and_the_shards(monkeypatch, tmp_path, tiktoken):
    one = checkpoint(monkeypatch, tmp_path / "one", tiktoken)
    monkeypatch.setattr(weights.os, "cpu_count", lambda: 1)
    monkeypatch.setattr(weights, "SHARD_BYTES", 3 * 2 * VOCABULARY_SIZE * SMALL.hidden // 2)
    two = checkpoint(monkeypatch, tmp_path / "two", tiktoken)
    whole = read_shard(one / "model-00001-of-00001.safetensors")
    parts = [read_shard(path) for path in sorted(two.glob("*.safetensors"))]
    assert len(parts) == 2
    joined = {name: part[name] for part in parts for name in part}
    assert joined.keys() == whole.keys()
    assert all(np.array_equal(whole[name], joined[name]) for name in whole)


def test_another_seed_gives_other_weights(monkeypatch, tmp_path, tiktoken):
    name, shard = "model.layers.0.mlp.up_proj.weight", "model-00001-of-00001.safetensors"
    one = read_shard(checkpoint(monkeypatch, tmp_path / "one", tiktoken, seed=1) / shard)[name]
    two = read_shard(checkpoint(monkeypatch, tmp_path / "two", tiktoken, seed=2) / shard)[name]
    assert not np.array_equal(one, two)
    assert float(one.std()) == pytest.approx(0.02, rel=0.2)


def test_the_index_names_every_tensor_in_the_file_that_holds_it(monkeypatch, tmp_path, tiktoken):
    monkeypatch.setattr(weights, "SHARD_BYTES", 3 * 2 * VOCABULARY_SIZE * SMALL.hidden // 2)
    folder = checkpoint(monkeypatch, tmp_path / "m", tiktoken)
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    held = {name: path.name for path in folder.glob("*.safetensors") for name in read_shard(path)}
    assert index["weight_map"] == held == {name: held[name] for name, _, _ in SMALL.tensors()}
    assert index["metadata"]["total_size"] == 2 * SMALL.parameters


def test_only_whole_words_can_be_the_most_likely_token(monkeypatch, tmp_path, tiktoken):
    folder = checkpoint(monkeypatch, tmp_path / "m", tiktoken)
    output = read_shard(folder / "model-00001-of-00001.safetensors")["lm_head.weight"]
    spoken = np.flatnonzero(np.abs(output).sum(axis=1)).tolist()
    assert spoken == [256 + WORDS.index(word) for word in (b" r", b" ri", b" river", b" sea")]


def test_what_is_spoken_is_counted_again_as_it_was_generated(tiktoken):
    vocabulary = Vocabulary.read(tiktoken)
    spoken = np.flatnonzero(vocabulary.whole_words()).tolist() * 3
    made = build(vocabulary)
    assert made.encode(made.decode(spoken), add_special_tokens=False).ids == spoken


def test_a_piece_that_is_a_token_is_taken_whole_as_tiktoken_does(tiktoken):
    """` sea` cannot be reached by merges: ` s` and `ea` are no tokens."""
    assert build(Vocabulary.read(tiktoken)).encode(" sea river").tokens == ["Ġsea", "Ġriver"]


@given(st.text(max_size=60))
def test_any_text_survives_the_tokenizer(text):
    made = build(Vocabulary([bytes([byte]) for byte in range(256)] + WORDS))
    assert made.decode(made.encode(text).ids) == text


def test_special_tokens_stand_where_llama_3_1_has_them():
    names = special_tokens()
    assert len(set(names)) == 256
    assert (names[0], names[9], names[11]) == ("<|begin_of_text|>", "<|eot_id|>", "<|reserved_special_token_3|>")
    assert (names[5], names[255]) == ("<|reserved_special_token_2|>", "<|reserved_special_token_247|>")


@given(st.lists(st.floats(width=32, min_value=-(2.0**99), max_value=2.0**99), min_size=1))
def test_rounding_to_bf16_takes_the_nearest(values):
    given_values = np.array(values, np.float32)
    rounded = (weights._as_bf16(given_values.copy()).astype(np.uint32) << 16).view(np.float32)
    below = given_values.view(np.uint32) & 0xFFFF0000
    neighbours = [below.view(np.float32), (below + 0x10000).view(np.float32)]
    errors = [np.abs(given_values.astype(float) - one) for one in neighbours]
    assert np.array_equal(np.abs(given_values.astype(float) - rounded), np.minimum(*errors))


def test_the_folder_says_that_its_weights_are_random(monkeypatch, tmp_path, tiktoken):
    folder = checkpoint(monkeypatch, tmp_path / "m", tiktoken, seed=5)
    told = json.loads((folder / random_llama.NOTE).read_text())
    assert told == {"weights": "random", "shape": "small", "parameters": SMALL.parameters, "seed": 5}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_wrong_tiktoken_file_is_named_with_the_cure(tmp_path):
    (tmp_path / "x").write_text("not base64\n")
    with pytest.raises(TokenizerFileError, match=r"x: not a tiktoken file .*; give Llama 3's"):
        Vocabulary.read(tmp_path / "x")
    with pytest.raises(TokenizerFileError, match=r"no such file; give the tokenizer\.model"):
        Vocabulary.read(tmp_path / "none")


def test_a_folder_that_is_there_is_left_alone(tmp_path, tiktoken, capsys):
    assert main([str(tmp_path), "--shape", "tiny", "--tiktoken", str(tiktoken)]) == 1
    assert "is there already; name another folder" in capsys.readouterr().err


def test_without_the_wheel_the_command_says_how_to_install_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("pipeline.collect.random_llama.tokenizer.find_spec", lambda _name: None)
    assert main([str(tmp_path / "m"), "--shape", "tiny"]) == 1
    assert "pip install --no-deps llama-models" in capsys.readouterr().err
