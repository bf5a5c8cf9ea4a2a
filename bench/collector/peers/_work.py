"""What a tool is given to do."""

import json
from dataclasses import dataclass
from pathlib import Path

TOKENIZER: dict[str, object] = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [],
    "normalizer": None,
    "pre_tokenizer": {"type": "Whitespace"},
    "post_processor": None,
    "decoder": None,
    "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "hello": 1}, "unk_token": "[UNK]"},
}
TOKENIZER_CONFIG = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]", "model_max_length": 100_000}


@dataclass(frozen=True)
class Work:
    """So many requests to a server (`url` without a path), so many at a time; files go to `folder`."""

    url: str
    folder: Path
    streams: int
    requests: int

    @property
    def tokenizer(self) -> Path:
        """A tokenizer of two words: tools insist on one, and none may be downloaded."""
        folder = self.folder / "tokenizer"
        folder.mkdir(exist_ok=True)
        (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER))
        (folder / "tokenizer_config.json").write_text(json.dumps(TOKENIZER_CONFIG))
        return folder

    def prompts(self, key: str) -> Path:
        """One short prompt a request, as JSON lines under a key."""
        path = self.folder / "prompts.jsonl"
        path.write_text("".join(json.dumps({key: f"hello {number}"}) + "\n" for number in range(self.requests)))
        return path
