"""Token ids to text, one token at a time: never half a character, never a stop string."""

import codecs
from collections.abc import Iterable, Sequence


class TextStream:
    """The text of one generation, given out as soon as it is certain.

    Tokens are byte strings. Bytes of an unfinished UTF-8 character, and text that may yet grow into a stop
    string, are held back; everything else leaves with its token. `is_stopped` is set by a stop string.
    """

    def __init__(self, vocabulary: Sequence[bytes], stop: Sequence[str]) -> None:
        self._vocabulary = vocabulary
        self._stop = tuple(stop)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self.is_stopped = False

    def feed(self, tokens: Iterable[int], *, is_last: bool) -> str:
        """Take the next tokens and return the text that became certain."""
        fresh = self._decoder.decode(b"".join(self._vocabulary[token] for token in tokens), is_last)
        text = self._held + fresh
        if (cut := _first_stop(text, self._stop)) is not None:
            self.is_stopped, self._held = True, ""
            return text[:cut]
        keep = 0 if is_last else _possible_stop(text, self._stop)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]


def _first_stop(text: str, stops: Sequence[str]) -> int | None:
    """Where the earliest stop string begins."""
    return min((at for stop in stops if (at := text.find(stop)) >= 0), default=None)


def _possible_stop(text: str, stops: Sequence[str]) -> int:
    """How many last characters may be the beginning of a stop string."""
    lengths = (size for stop in stops for size in range(1, len(stop)) if text.endswith(stop[:size]))
    return max(lengths, default=0)
