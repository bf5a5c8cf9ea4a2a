"""The inbox: results of collections elsewhere, opened one by one. Taken in or refused, each file is kept.

Belongs here: the folder `data/inbox` and what becomes of a file in it. Does not: what a result must look like
(`pipeline.collect.parcel`, `pipeline.collect.ingest`), and who asks for the tables to be built.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipeline.collect import ingest, parcel
from pipeline.errors import TokenclockError
from pipeline.layout import Layout

SETTLED_S = 20.0
"""A file that was written to so lately may still be on its way."""


class InboxError(TokenclockError):
    """A file cannot be taken in; the message names it and the cure."""


@dataclass(frozen=True)
class Opened:
    """What became of a file: the runs that are new, or why it was refused; `path` is where it lies now."""

    path: Path
    night: date | None
    runs: list[str]
    refused: str | None = None


def waiting(layout: Layout, *, settled: bool = False) -> list[Path]:
    """Files that lie in the inbox, oldest first; on request only those that nobody writes to any more."""
    found = [path for path in layout.inbox.glob("[!.]*.tar") if path.is_file()]
    latest = time.time() - SETTLED_S if settled else float("inf")
    return sorted((path for path in found if path.stat().st_mtime <= latest), key=lambda path: path.stat().st_mtime)


def night_of(path: Path) -> date | None:
    """The night that a file says it is of; None where it cannot be read, so that it will be refused."""
    try:
        return parcel.listed(path).night
    except parcel.ParcelError:
        return None


def open_letter(layout: Layout, path: Path) -> Opened:
    """Take a file in, or refuse it. One that lay in the inbox is moved to `taken/` or `refused/`; others stay."""
    try:
        with path.open("rb") as file:
            taken = ingest.ingest(layout.traces, file, path.name)
    except FileNotFoundError:
        raise InboxError(f"{path}: no such file; give a result-….tar, or put it into {layout.inbox}") from None
    except parcel.ParcelError as error:
        kept = ingest.refuse(layout.inbox, path, str(error)) if _lies_in(layout, path) else path
        return Opened(kept, None, [], f"refused: {error}")
    runs = [one.run_id for one in taken.new]
    if _lies_in(layout, path):
        path = path.replace(ingest.free(layout.inbox / "taken" / path.name))
    return Opened(path, taken.listed.night, runs)


def _lies_in(layout: Layout, path: Path) -> bool:
    return path.absolute().parent == layout.inbox


def nights(opened: Iterable[Opened]) -> list[date]:
    """The nights whose tables are to be built anew."""
    return sorted({one.night for one in opened if one.night and one.runs})
