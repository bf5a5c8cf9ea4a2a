"""What comes up the line, and for how long nothing has."""

import io
import select
import time
from collections.abc import Callable, Iterator
from typing import IO, cast


class Hearing:
    """A far side's stdout. Silence counts only while we listen: what we have not read yet was said in time."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = cast(io.BufferedReader, stream)
        self._listens_since: float | None = time.monotonic()

    def __iter__(self) -> Iterator[bytes]:
        """Every line to the last."""
        while line := self._listening(self._stream.readline, -1):
            yield line

    def read(self, size: int) -> bytes:
        """The next bytes, as many as are there and at most `size`; none at the end."""
        return self._listening(self._stream.read1, size)

    def _listening(self, hear: Callable[[int], bytes], size: int) -> bytes:
        self._listens_since = time.monotonic()
        try:
            return hear(size)
        finally:
            self._listens_since = None

    def silent_s(self) -> float:
        """For how long we have listened to nothing."""
        since = self._listens_since
        if since is None or select.select([self._stream], [], [], 0)[0]:
            return 0.0
        return time.monotonic() - since

    def close(self) -> None:
        """Listen no more."""
        self._stream.close()
