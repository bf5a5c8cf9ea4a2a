"""Progress of long steps, told to whoever listens: a bar on a terminal, lines in a log, nobody in a test."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """`done` of `total` parts of a phase are over; `text` says what is under way."""

    phase: str
    done: int
    total: int
    text: str


Listener = Callable[[Step], None]


def _nobody(step: Step) -> None:
    """Hear nothing."""


_listener: ContextVar[Listener] = ContextVar("listener", default=_nobody)


def current() -> Listener:
    """Who listens now."""
    return _listener.get()


def tell(step: Step) -> None:
    """Report progress."""
    _listener.get()(step)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send the progress of everything inside to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
