"""Llama 3's tokenizer as a tokenizer.json, from the tiktoken file that the PyPI wheel `llama-models` carries."""

import base64
import binascii
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from pipeline.collect.random_llama.shapes import VOCABULARY_SIZE
from pipeline.errors import TokenclockError

# Llama 3's own rule for cutting a text up, as its model card's code has it.
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# Ids 128000 … 128255 in order, as in the tokenizer of Llama 3.1.
NAMED = {
    0: "begin_of_text",
    1: "end_of_text",
    4: "finetune_right_pad_id",
    6: "start_header_id",
    7: "end_header_id",
    8: "eom_id",
    9: "eot_id",
    10: "python_tag",
}

# Llama 3's shape of a conversation, without the date and the tools that 3.1 puts before it.
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n{{ message['content'] | trim }}<|eot_id|>"
    "{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)


class TokenizerFileError(TokenclockError):
    """The tiktoken file cannot be had; the message names the place and the cure."""


@dataclass(frozen=True)
class Vocabulary:
    """The tokens as bytes, each at its id; special ones not among them."""

    tokens: list[bytes]

    @classmethod
    def read(cls, path: Path) -> "Vocabulary":
        """Read a tiktoken file: a token in base64 and its rank on each line."""
        try:
            rows = [line.split() for line in path.read_bytes().splitlines()]
            return cls(
                [base64.b64decode(token, validate=True) for token, _ in sorted(rows, key=lambda r: int(r[1]))]
            )
        except FileNotFoundError:
            raise TokenizerFileError(f"{path}: no such file; give the tokenizer.model of Llama 3") from None
        except (ValueError, binascii.Error) as error:
            raise TokenizerFileError(f"{path}: not a tiktoken file ({error}); give Llama 3's") from error

    def whole_words(self) -> NDArray[np.bool_]:
        """Mark, for each id, the tokens that are a blank and a word of ASCII letters.

        A text made of these alone is cut up again into exactly the tokens it was made of.
        """
        words = [token[:1] == b" " and token[1:].isalpha() and token.isascii() for token in self.tokens]
        return np.array(words + [False] * (VOCABULARY_SIZE - len(words)))


def installed() -> Path:
    """The tiktoken file inside the installed wheel `llama-models`, found without importing it."""
    spec = find_spec("llama_models")
    folders = (spec.submodule_search_locations if spec else None) or []
    for folder in folders:
        if (path := Path(folder) / "llama3" / "tokenizer.model").is_file():
            return path
    raise TokenizerFileError(
        "Llama 3's tokenizer is not installed; run `pip install --no-deps llama-models`, or name its "
        "tokenizer.model with --tiktoken"
    )


def build(vocabulary: Vocabulary) -> Tokenizer:
    """Build the tokenizer that gives Llama 3's ids."""
    letters = _letters()
    spelt = ["".join(letters[byte] for byte in token) for token in vocabulary.tokens]
    ranks = {token: rank for rank, token in enumerate(spelt)}
    # ignore_merges: tiktoken takes a piece that is a token as a whole, whether or not merges lead to it
    made = Tokenizer(models.BPE(vocab=ranks, merges=_merges(spelt, ranks), ignore_merges=True))
    made.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in special_tokens()])
    return made


def special_tokens() -> list[str]:
    """Names of the special tokens in the order of their ids."""
    reserved = iter(range(256))
    return [f"<|{NAMED.get(place) or f'reserved_special_token_{next(reserved)}'}|>" for place in range(256)]


def _letters() -> list[str]:
    """The letter that stands for each byte in a byte-level vocabulary: itself where it can be seen."""
    seen = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    hidden = iter(range(256, 512))
    return [chr(byte) if byte in seen else chr(next(hidden)) for byte in range(256)]


def _merges(spelt: list[str], ranks: dict[str, int]) -> list[tuple[str, str]]:
    """All pairs of tokens that make a token, in the order in which tiktoken would join them."""
    merges = []
    for token in spelt:
        cuts = ((token[:at], token[at:]) for at in range(1, len(token)))
        pairs = [pair for pair in cuts if pair[0] in ranks and pair[1] in ranks]
        merges += sorted(pairs, key=lambda pair: (ranks[pair[0]], ranks[pair[1]]))
    return merges
