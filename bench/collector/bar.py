"""The bar: what the recorder promises of itself, and whether a run's rows keep it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]

READS_FOR_CPU = 3_000
"""In cells of fewer reads, what a request costs outweighs what a read costs."""


@dataclass(frozen=True)
class Promise:
    """A limit on one figure of our client, in each cell that it speaks of, or (`is_best`) in one of them."""

    text: str
    figure: str
    limit: float
    speaks_of: Callable[[Row], bool]
    is_least: bool = False
    is_best: bool = False

    def kept(self, value: float) -> bool:
        """Whether a value keeps it."""
        return value >= self.limit if self.is_least else value <= self.limit


@dataclass(frozen=True)
class Verdict:
    """A promise held against a run: the cell that decides, and its figure; null where not measured."""

    promise: Promise
    cell: str | None
    value: float | None

    @property
    def is_kept(self) -> bool | None:
        """Null where nothing was measured."""
        return None if self.value is None else self.promise.kept(self.value)


def _is_paced(row: Row) -> bool:
    return row["tok_s"] is not None and row["waves"] == 1


def _is_plain(row: Row) -> bool:
    return _is_paced(row) and not row["is_tls"]


def _is_start(row: Row) -> bool:
    return bool(row["waves"] > 1)


def _has_many_reads(row: Row) -> bool:
    return _is_paced(row) and (row.get("reads") or 0) >= READS_FOR_CPU


PROMISES = (
    Promise(
        "stamp error p99 ≤ 20 µs, 16 or more paced streams", "stamp_error_p99_us", 20,
        lambda row: _is_plain(row) and row["streams"] >= 16,
    ),
    Promise(
        "stamp error p99 ≤ 50 µs, one stream", "stamp_error_p99_us", 50,
        lambda row: _is_plain(row) and row["streams"] == 1,
    ),
    Promise(
        "stamp error p99 ≤ 50 µs over TLS", "stamp_error_p99_us", 50,
        lambda row: _is_paced(row) and bool(row["is_tls"]),
    ),
    Promise(
        "TTFT error p99 ≤ 150 µs from the write, 64 started at once", "ttft_error_p99_us", 150, _is_start,
    ),
    Promise(
        "TTFT error p99 ≤ 600 µs from the call, 64 started at once", "ttft_error_from_call_p99_us", 600, _is_start,
    ),
    Promise(
        f"CPU ≤ 1.5 × the bare protocol, cells of {READS_FOR_CPU:,} reads or more", "cpu_ratio_to_bare", 1.5,
        _has_many_reads,
    ),
    Promise(
        "≥ 1,000,000 events/s in flood", "events_per_s", 1e6,
        lambda row: row["tok_s"] is None and not row["is_tls"], is_least=True,
    ),
    Promise(
        "≥ 120,000 paced reads/s on one core", "reads_per_s", 120_000, _is_plain, is_least=True, is_best=True,
    ),
    Promise(
        "≤ 400 bytes of memory a read", "memory_bytes_per_read", 400, _is_paced,
    ),
)  # fmt: skip


def verdicts(rows: Sequence[Row]) -> list[Verdict]:
    """Every promise, decided by the worst of its cells (by the best where one is enough)."""
    return [_verdict(promise, _known(promise, rows)) for promise in PROMISES]


def misses(rows: Sequence[Row]) -> list[tuple[Promise, Row]]:
    """Every cell of our client that breaks a promise made for all of its cells."""
    found = [(promise, row) for promise in PROMISES if not promise.is_best for row in _known(promise, rows)]
    return [(promise, row) for promise, row in found if not promise.kept(float(row[promise.figure]))]


def _known(promise: Promise, rows: Sequence[Row]) -> list[Row]:
    return [
        row
        for row in rows
        if row["client"] == "ours" and promise.speaks_of(row) and row.get(promise.figure) is not None
    ]


def _verdict(promise: Promise, known: list[Row]) -> Verdict:
    if not known:
        return Verdict(promise, None, None)
    takes_least = promise.is_least != promise.is_best
    decides = (min if takes_least else max)(known, key=lambda row: float(row[promise.figure]))
    return Verdict(promise, str(decides["cell"]), float(decides[promise.figure]))
