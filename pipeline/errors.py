"""The one ancestor of errors whose message is for the user: the thing, the place and the cure."""

from collections.abc import Iterator
from contextlib import contextmanager


class TokenclockError(Exception):
    """Something the user can mend; a terminal shows the message alone, without a traceback."""


@contextmanager
def ungrouped() -> Iterator[None]:
    """Raise the error of a task that ran beside others as itself: a group of errors has no message."""
    try:
        yield
    except ExceptionGroup as group:
        first: BaseException | None = group.subgroup(TokenclockError)
        while isinstance(first, ExceptionGroup):
            first = first.exceptions[0]
        if first is None:
            raise
        raise first from group
