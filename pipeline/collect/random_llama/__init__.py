"""A Llama checkpoint with random weights: the cost of the real model where its weights cannot be had.

Time per token follows from shapes, not from values, so an engine that serves this folder is measured
honestly as long as `weights = random` stands beside the figure: `write` leaves that in `weights.json`.
Only numpy and tokenizers are needed, so that the folder can be made on any machine, byte for byte the same.
"""

import json
import os
from pathlib import Path

from pipeline.collect.engines._model import NOTE
from pipeline.collect.random_llama.shapes import SHAPES, Shape, config
from pipeline.collect.random_llama.tokenizer import TEMPLATE, Vocabulary, build
from pipeline.collect.random_llama.weights import write_weights


def write(folder: Path, shape_name: str, seed: int, tiktoken: Path) -> None:
    """Write the checkpoint into a folder of its own; it appears under its name only when it is whole."""
    shape = SHAPES[shape_name]
    aside = folder.with_name(f".{folder.name}.{os.getpid()}")
    aside.mkdir(parents=True)
    vocabulary = Vocabulary.read(tiktoken)
    build(vocabulary).save(str(aside / "tokenizer.json"))
    write_weights(aside, shape, seed, vocabulary.whole_words())
    for name, content in _texts(shape_name, shape, seed).items():
        (aside / name).write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    aside.rename(folder)


def _texts(shape_name: str, shape: Shape, seed: int) -> dict[str, dict[str, object]]:
    """The JSON files beside the weights. No token ends a text: what is asked for is what comes."""
    return {
        "config.json": config(shape),
        "generation_config.json": {"bos_token_id": 128000, "pad_token_id": 128004, "do_sample": False},
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": "<|begin_of_text|>",
            "pad_token": "<|finetune_right_pad_id|>",
            "model_max_length": shape.positions,
            "clean_up_tokenization_spaces": False,
            "chat_template": TEMPLATE,
        },
        NOTE: {"weights": "random", "shape": shape_name, "parameters": shape.parameters, "seed": seed},
    }
