"""What was measured, as a page."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

Found = dict[str, Any]


def text(found: Found) -> str:
    """The page."""
    return "\n".join(
        [
            *_head(found),
            *chain(*map(_metrics, found["metrics"])),
            *_night(found["night"]),
            *_nights(found["nights"]),
        ]
    )


def _head(found: Found) -> Iterator[str]:
    machine = found["machine"]
    yield "# From stored reads to tables\n"
    yield f"`python -m bench.tables`, {found['measured_at']}, commit {found['commit']}, on {machine['cpu']},"
    yield f"{machine['cpu_count']} processors. Where others use them too, processor time is what can be compared.\n"
    if found.get("note"):
        yield f"{found['note']}\n"


def _metrics(of: Found) -> Iterator[str]:
    base = of["contenders"]["scan"]["cpu_s"]
    yield f"## Metrics of requests from {of['events']:,} decoded events\n"
    yield "First and last token, events with tokens and distinct stamps of every request, from one Parquet file.\n"
    yield "| | s CPU | × the bare scan | s wall | peak GiB |\n|---|---|---|---|---|"
    for name, one in of["contenders"].items():
        ratio = one["cpu_s"] / base
        yield f"| {name} | {one['cpu_s']:.2f} | {ratio:.1f} | {one['wall_s']:.2f} | {one['peak_gib']:.2f} |"
    yield "\n`lists` stores them otherwise, a row a request; `ours` reads the rows of `events` as they are.\n"


def _night(of: Found) -> Iterator[str]:
    per_read = of["cpu_s"] / of["reads"] * 1e6
    yield f"## A night of {of['reads']:,} reads\n"
    yield f"All tables, JSON decoding included: {of['wall_s']:.0f} s wall, {of['cpu_s']:.0f} s CPU,"
    yield f"{per_read:.1f} µs of processor a read, peak {of['peak_gib']:.2f} GiB.\n"
    yield "| table | s CPU | s wall |\n|---|---|---|"
    for name, one in sorted(of["tables"].items(), key=lambda pair: -pair[1]["cpu_s"]):
        yield f"| {name} | {one['cpu_s']:.2f} | {one['wall_s']:.2f} |"
    yield ""


def _nights(of: list[Found]) -> Iterator[str]:
    yield "## One night more\n"
    yield "A small night (3,000 reads) behind so many: computed, audited, published.\n"
    yield "| nights before | build s CPU | audit s CPU | publish s CPU (wall) | all anew, s CPU (wall) | MB |"
    yield "|---|---|---|---|---|---|"
    for one in of:
        more, anew = one["one_more"], one["all"]
        publish = f"{more['publish']['cpu_s']:.2f} ({more['publish']['wall_s']:.1f})"
        yield (
            f"| {one['nights']} | {more['build']['cpu_s']:.2f} | {more['audit']['cpu_s']:.2f} | {publish} "
            f"| {anew['cpu_s']:.2f} ({anew['wall_s']:.1f}) | {more['warehouse_mb']:.0f} |"
        )
    yield ""
