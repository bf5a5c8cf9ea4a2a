"""Raw reads that are older than the plan wants them kept: deleted once nothing is lost by it, and never silently.

Only reads expire. Requests, manifests, calibrations, hardware samples and tables stay. A night expires as a whole,
in one step that a crash cannot cut (its tombstone, `pipeline.expiry`); the deleting that follows can be done again.
It expires only while its tables are, to the byte, what its reads still give: afterwards nobody can tell.
"""

import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pipeline import expiry, ledger, tables, trace
from pipeline.collect.night import CollectError, alone
from pipeline.errors import TokenclockError
from pipeline.layout import Layout
from pipeline.plan import Plan
from pipeline.provenance.verify import night_differences
from pipeline.provenance.verify.work import Work
from pipeline.trace import Manifest


class GcError(TokenclockError):
    """Nothing can be deleted now; the message names the reason and the cure."""


@dataclass(frozen=True)
class Candidate:
    """A night past its time: the runs whose reads may go, how many bytes that frees, and why it may not, if so."""

    night: date
    runs: list[str]
    bytes: int
    refused: str | None = None


@dataclass(frozen=True)
class Swept:
    """What was (`is_applied`), or would be, deleted, by which rule."""

    rule: str | None
    is_applied: bool
    nights: list[Candidate]

    @property
    def bytes(self) -> int:
        """Bytes freed, or to be freed."""
        return sum(one.bytes for one in self.nights if one.refused is None)


def sweep(layout: Layout, plan: Plan, today: date, *, apply: bool = False) -> Swept:
    """Find the nights whose reads are past the plan's rule; with `apply`, let them expire."""
    keep = plan.retention.raw_reads_nights
    if keep is None:
        return Swept(None, apply, [])
    rule = f"raw_reads_nights = {keep}"
    old = [night for night in trace.nights(layout.traces) if night <= today - timedelta(days=keep)]
    found = [_candidate(layout, night) for night in old]
    due = [one for one in found if one.runs]
    if not apply or not due:
        return Swept(rule, apply, due)
    try:
        with alone(layout.traces, 0.0):
            return Swept(rule, apply, [_expire(layout, one, rule) for one in due])
    except CollectError:
        raise GcError(f"{layout.traces}: a collection is running; wait for its end") from None


def _candidate(layout: Layout, night: date) -> Candidate:
    reads = {where: path for where, path in _reads(layout, night).items() if path.exists()}
    missing = [name for name in tables.tables() if not layout.table(name, night).exists()]
    refused = None
    if missing and expiry.of(layout.traces, night) is None:
        refused = f"{', '.join(missing[:3])} not built yet; `tokenclock build --night {night}` first"
    return Candidate(night, sorted(reads), sum(path.stat().st_size for path in reads.values()), refused)


def _reads(layout: Layout, night: date) -> dict[str, Path]:
    """Where the reads of each closed run lie, by the run's folder."""
    folders = [_folder(one) for one in trace.manifests(layout.traces, night) if expiry.READS in one.files]
    return {folder: layout.traces / folder / expiry.READS for folder in folders}


def _folder(one: Manifest) -> str:
    return trace.run_path(one.night, one.target.name, one.run_id)


def _expire(layout: Layout, one: Candidate, rule: str) -> Candidate:
    """Write the tombstone and enter it, then delete. What an earlier call did of this is not done again."""
    if expiry.of(layout.traces, one.night) is None:
        if refused := one.refused or _difference(layout, one.night):
            return Candidate(one.night, one.runs, one.bytes, refused)
        trace.write_json(expiry.path(layout.traces, one.night), _tombstone(layout, one.night, rule))
    tombstone = expiry.path(layout.traces, one.night)
    ledger.enter(layout.traces, {tombstone.relative_to(layout.traces).as_posix(): trace.sha256(tombstone)})
    for where in one.runs:
        (layout.traces / where / expiry.READS).unlink()
    return one


def _difference(layout: Layout, night: date) -> str | None:
    """Why the tables of a night cannot stand for its reads."""
    with tempfile.TemporaryDirectory(prefix="tokenclock-gc-") as workplace:
        this = Work(layout, [night], is_of_some_nights=True, workplace=Path(workplace))
        found = next(night_differences(this, night), None)
    if found is None:
        return None
    return (
        f"its tables do not follow from its reads, which are the only proof of either; `tokenclock verify --night "
        f"{night}` tells more. First difference: {found.said}"
    )


def _tombstone(layout: Layout, night: date, rule: str) -> expiry.Expired:
    """What is about to go, and what stays for it."""
    known = {_folder(one): one.files[expiry.READS] for one in trace.manifests(layout.traces, night) if one.files}
    sizes = {where: path.stat().st_size for where, path in _reads(layout, night).items()}
    return expiry.Expired(
        schema_version=trace.SCHEMA_VERSION,
        night=night,
        expired_at=datetime.now(UTC).isoformat(timespec="seconds"),
        rule=rule,
        runs={where: expiry.Reads(known[where].sha256, known[where].rows, size) for where, size in sizes.items()},
        tables={name: trace.sha256(layout.table(name, night)) for name in tables.tables()},
    )
