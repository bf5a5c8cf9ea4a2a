"""The tokenizer of Llama 3 from its own file: a line a token, base64 and rank (tiktoken's format).

The file holds no merges: a pair may be merged where both parts and the whole are tokens, in the order of the
whole's rank. Nor does it hold how text is cut up first, which is Llama 3's rule here. Control tokens are left out:
they stand in no answer.
"""

import base64
import binascii
from importlib.util import find_spec
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

_CUT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

Ranks = dict[bytes, int]


def file_of(place: str) -> Path | None:
    """The file of an installed package, which is not imported; None where there is none."""
    package, _, inside = place.partition("/")
    found = find_spec(package) if package.isidentifier() else None
    paths = [Path(folder) / inside for folder in (found.submodule_search_locations if found else None) or []]
    return next((path for path in paths if path.is_file()), None)


def read(path: Path) -> Tokenizer:
    """Build it; `ValueError` where the file is another."""
    ranks = _ranks(path)
    letters = _letters()
    text = {token: "".join(letters[byte] for byte in token) for token in ranks}
    merges = [(text[left], text[right]) for left, right in _merges(ranks)]
    vocabulary = {text[token]: rank for token, rank in ranks.items()}
    encoder = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=True))
    encoder.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_CUT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    encoder.decoder = decoders.ByteLevel()
    return encoder


def _ranks(path: Path) -> Ranks:
    try:
        lines = [line.split() for line in path.read_bytes().splitlines() if line]
        ranks = {base64.b64decode(token, validate=True): int(rank) for token, rank in lines}
    except binascii.Error as error:
        raise ValueError(str(error)) from error
    if missing := [byte for byte in range(256) if bytes([byte]) not in ranks]:
        raise ValueError(f"{len(missing)} single bytes are no token")
    return ranks


def _merges(ranks: Ranks) -> list[tuple[bytes, bytes]]:
    """Every pair whose parts and whole are tokens; of one whole those of the most frequent parts first."""
    found: list[tuple[int, int, int, bytes, bytes]] = []
    for token, rank in ranks.items():
        for at in range(1, len(token)):
            left, right = token[:at], token[at:]
            if left in ranks and right in ranks:
                found.append((rank, ranks[left], ranks[right], left, right))
    return [(left, right) for *_, left, right in sorted(found)]


def _letters() -> dict[int, str]:
    """The letter that stands for each byte in byte-level BPE."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + n) for n, byte in enumerate(others)}
