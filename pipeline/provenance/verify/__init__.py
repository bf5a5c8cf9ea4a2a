"""Whether what is published follows from what was recorded: rehash, recompute, redraw, name the first difference.

Reads the folders of an installation and writes into a temporary one. Each stage stands on the one before: files
against manifests and ledger, tables against files, warehouse against tables, charts and site against the warehouse.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path

from pipeline import ledger, progress, trace
from pipeline.errors import TokenclockError
from pipeline.layout import Layout
from pipeline.provenance.verify.derived import audit_differences, strays, table_differences
from pipeline.provenance.verify.difference import Difference
from pipeline.provenance.verify.published import (
    chart_differences,
    site_differences,
    warehouse_again,
    warehouse_differences,
)
from pipeline.provenance.verify.recorded import ledger_differences, trace_differences
from pipeline.provenance.verify.work import Work

__all__ = ["Difference", "Verified", "VerifyError", "night_differences", "verify"]


class VerifyError(TokenclockError):
    """There is nothing to verify; the message says what was looked for."""


@dataclass(frozen=True)
class Verified:
    """What was found, what was looked at, what else is to be said, and the head of the ledger."""

    differences: list[Difference]
    counts: dict[str, int]
    notes: list[str]
    head: str | None


def verify(
    layout: Layout,
    nights: list[date] | None = None,
    *,
    head: str | None = None,
    with_checks: bool = False,
    everything: bool = False,
) -> Verified:
    """Verify some nights, or all, and what is published of them; stop at the first difference unless `everything`.

    `head`: a head of the ledger that was noted down once. `with_checks`: run the checks anew, which takes long.
    """
    recorded = trace.nights(layout.traces)
    chosen = recorded if nights is None else nights
    if unknown := sorted(set(chosen) - set(recorded)):
        raise VerifyError(f"{layout.traces}: no night {unknown[0]} was recorded; TOKENCLOCK_DATA names the folder")
    if not recorded and not layout.warehouse.exists():
        raise VerifyError(f"{layout.data}: nothing was recorded or published; TOKENCLOCK_DATA names the folder")
    with tempfile.TemporaryDirectory(prefix="tokenclock-verify-") as workplace:
        this = Work(layout, chosen, nights is not None, Path(workplace))
        found = _differences(this, head, with_checks=with_checks)
        differences = list(found if everything else islice(found, 1))
    return Verified(differences, this.counts, this.notes, ledger.head(layout.traces))


def _differences(this: Work, head: str | None, *, with_checks: bool) -> Iterator[Difference]:
    yield from ledger_differences(this, head)
    for done, night in enumerate(this.nights):
        progress.tell(progress.Step("verify", done, len(this.nights), f"traces and tables of {night}"))
        yield from night_differences(this, night)
        yield from audit_differences(this, night)
    yield from strays(this)
    progress.tell(progress.Step("verify", len(this.nights), len(this.nights), "what is published"))
    yield from _published(this, with_checks=with_checks)


def night_differences(this: Work, night: date) -> Iterator[Difference]:
    """A night's traces, then its tables, which need traces that can be read."""
    found = list(trace_differences(this, night))
    yield from found
    try:
        yield from table_differences(this, night)
    except trace.TraceError as error:
        if not found:
            raise
        this.notes.append(f"{night}: not recomputed ({error})")


def _published(this: Work, *, with_checks: bool) -> Iterator[Difference]:
    if not this.layout.warehouse.exists():
        this.notes.append("no warehouse is published: nothing to compare with the tables")
        return
    try:
        again = warehouse_again(this, with_checks=with_checks)
    except ledger.LedgerError as error:
        this.notes.append(f"warehouse, charts and site not compared: {error}")
        return
    yield from warehouse_differences(this, again)
    if not this.layout.site.exists():
        this.notes.append("no site is published: no chart to compare")
        return
    yield from chart_differences(this, again)
    yield from site_differences(this, again)
