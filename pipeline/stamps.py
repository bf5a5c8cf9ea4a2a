"""What tells that a night was touched: a name that changes whenever one of its tables or audits is written.

Of years of nights, those that changed are told by one listing of a folder: no file of the others is opened or
looked at. A night with a stamp that nobody remembers is looked at file by file.
"""

import os
import secrets
from collections.abc import Iterator, Set
from contextlib import contextmanager
from datetime import date

from pipeline.layout import Layout

_HEAD = "night="


def of(layout: Layout) -> dict[date, str]:
    """The stamps that nights bear now."""
    found: dict[date, str] = {}
    for name in sorted(_names(layout)):
        night, _, stamp = name.removeprefix(_HEAD).partition(".")
        found[date.fromisoformat(night)] = found.get(date.fromisoformat(night), "") + stamp
    return found


@contextmanager
def touching(layout: Layout, night: date) -> Iterator[None]:
    """Give a night a new stamp when something of it has been written; none meanwhile, nor where that failed."""
    _remove(layout, night)
    yield
    _remove(layout, night)
    _give(layout, night)


def complete(layout: Layout, nights: Set[date]) -> None:
    """Give a stamp to those nights that have none: an older version wrote them, or a writer failed."""
    for night in nights - of(layout).keys():
        _give(layout, night)


def _give(layout: Layout, night: date) -> None:
    layout.stamps.mkdir(parents=True, exist_ok=True)
    (layout.stamps / f"{_HEAD}{night.isoformat()}.{secrets.token_hex(8)}").touch()


def _remove(layout: Layout, night: date) -> None:
    for name in _names(layout):
        if name.startswith(f"{_HEAD}{night.isoformat()}."):
            (layout.stamps / name).unlink(missing_ok=True)


def _names(layout: Layout) -> list[str]:
    try:
        with os.scandir(layout.stamps) as listed:
            return [entry.name for entry in listed]
    except FileNotFoundError:
        return []
