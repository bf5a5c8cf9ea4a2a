"""The pauses of Python's garbage collector while streams are read.

A collection stops the loop, for milliseconds where reads are many: it looks through whatever is new, the
payloads of all running requests among it. A read that waits meanwhile loses its stamp to the next one of its
socket. Requests leave no cycles behind, so there is little to find.
"""

import gc
from typing import ClassVar

THRESHOLD = 50_000
"""Objects that came and did not go between two collections; Python's own number is 700, and a request has fifty."""


class Eased:
    """While one of these is open, collections are rare and leave out what was there before it."""

    _open: ClassVar[set["Eased"]] = set()
    _thresholds: ClassVar[tuple[int, int, int]]
    """As they were before the first was opened."""

    def open(self) -> None:
        """Begin; where collections are off, they stay off."""
        if not self._open:
            Eased._thresholds = first, *others = gc.get_threshold()
            gc.freeze()
            gc.set_threshold(max(THRESHOLD, first) if first else 0, *others)
        self._open.add(self)

    def close(self) -> None:
        """End; once is enough, and where none was begun there is nothing to end."""
        if self in self._open:
            self._open.remove(self)
            if not self._open:
                gc.set_threshold(*self._thresholds)
                gc.unfreeze()
