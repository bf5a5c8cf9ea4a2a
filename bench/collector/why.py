"""Why a cell misses the bar, from the rows of its run: what the figures show, and nothing that they do not."""

from collections.abc import Sequence

from bench.collector.bar import Promise, Row, misses

MERGED = 0.01
"""A larger share of reads with the events of several writes says that the reader was behind."""

WAITED = 0.02
"""A larger share of the time without a processor is worth a word: others run on the client's."""

TRIED = """\
What was tried for the rest: a read costs the bare protocol's system call and wake-up, a `recvmsg` with a
control message instead of a `read` (0.9 µs more, in one process on an idle core), and 1.2 µs of our own: stamp,
three numbers, framing. Of these httptools takes 0.2. One function without calls took 0.03 off; a parser callback
that is `list.append` 0.1. Most of what is left of a read is the kernel's: an ACK for each (3 µs), which we leave
as it is, because to delay it is to change what is measured (a server under Nagle's algorithm would wait for it).
The kernel stamps a read with the time of its last segment: whoever reads late keeps the bytes and loses the times
of all others. On two slow processors that others used, caches cold, the same read took 1.4 to 1.9 times the bare
protocol's (`python -m bench.collector.cost`), and all of it in one function without calls 6% less.

What a request costs more than one of the bare protocol was of three parts: the lists of its numbers, turned into
arrays at its end, 45 ns a number; Python's garbage collector, which looked through the payloads of all running
streams (0.7 ms a time, up to 10 ms) to find a parser and a framing that held each other; and system calls and
httpx's own objects. The first two are gone: 1.5 to 1.9 times the bare protocol's CPU time where it was 3.3 to 3.6
(same command, 64 streams). The third stays: a look whether an idle connection is still open (one system call),
the stamp of the departure (two), and the interface.

Memory a read is what it brought and about 80 bytes beside (160 before numbers went into arrays at once): 33 of an
object of bytes, 24 of three numbers, 8 of a place in a list, and what allocators round up. An event of the truth
server has 156 bytes. Above 400 are cells whose reads hold two events and more, because the reader was late.

64 requests started at once over TLS had errors of 5 to 23 ms (p99), which looked like handshakes. They are not:
the connections are warm (of 1,920 requests none had a new one), and the errors come and go with the processor.
On two cores that others used (load 5), the recorder's thread was ready and had no processor for 30 to 100 ms of
each wave, in pauses of 9 ms and more; a token every 5 ms then comes two to a read. The bare protocol had 23 ms
beside it. At real-time priority on the same loaded machine (`--realtime`) it waited 0.1 ms a wave at most and
no read held two tokens: TTFT error 46 µs (p99) from the write and 356 µs from the call, stamps 35 µs. A shorter
slice of the scheduler (`sched_setattr`, 0.1 ms) changed nothing beyond noise: a processor is missing, not a
turn. What is left over TLS at real-time priority is 64 × 2,000, 256 × 200 and 256 × 2,000 tok/s (7.7 ms and
more), where server and recorder use all of their cores, and one stream at 50 and 200 tok/s (60 µs), where the
processor wakes from sleep."""


def reasons(rows: Sequence[Row]) -> list[str]:
    """A line for each miss: promise, cell, figure, and what the run shows about it."""
    bare = {row["cell"]: row for row in rows if row["client"] == "bare"}
    return [
        f'{row["cell"]}: {float(row[promise.figure]):,.4g} against the promise "{promise.text}". '
        + " ".join(_shown(promise, row, bare.get(row["cell"], {})))
        for promise, row in misses(rows)
    ]


def _shown(promise: Promise, row: Row, bare: Row) -> list[str]:
    if promise.figure == "cpu_ratio_to_bare":
        return _costs(row, bare)
    if promise.figure == "memory_bytes_per_read":
        return [*_holds(row), *_late(row), *_behind(row), *_beside(promise, bare)]
    return [*_late(row), *_behind(row), *_beside(promise, bare)] or ["Nothing in this run explains it."]


def _late(row: Row) -> list[str]:
    """The truth server did not keep the pace, so that the cell is a flood."""
    late_us, wanted = row.get("pacing_error_p99_us"), row["streams"] * (row["tok_s"] or 0)
    if late_us is None or not wanted or late_us < 1e6 / row["tok_s"]:
        return []
    return [
        f"The truth server was {late_us:,.0f} µs late (p99) and wrote {row['events_per_s']:,.0f} events/s of the "
        f"{wanted:,} asked: it wrote as fast as its core allows."
    ]


def _behind(row: Row) -> list[str]:
    """Reads came late."""
    if (row.get("shared_read_share") or 0) < MERGED or not row["tok_s"]:
        return []
    return [
        f"{row['shared_read_share']:.1%} of the reads held more than one write, with {row['cpu_share']:.0%} of the "
        "core in use: they were read late, and all events but the last have a later stamp." + _waited(row)
    ]


def _waited(row: Row) -> str:
    """What the operating system has to do with it."""
    share = row.get("cpu_wait_share") or 0
    return f" For {share:.0%} of the time the client was ready and had no processor." if share >= WAITED else ""


def _costs(row: Row, bare: Row) -> list[str]:
    """What it costs more than the bare protocol."""
    if not bare.get("cpu_us"):
        return ["The bare protocol was not measured."]
    requests, more_us = row["streams"] * row["waves"], row["cpu_us"] - bare["cpu_us"]
    return [
        f"With {row['reads'] / requests:,.0f} reads a request it costs {more_us / requests:,.0f} µs more a "
        f"request, or {more_us / row['reads']:.1f} µs more a read."
    ]


def _holds(row: Row) -> list[str]:
    """How much of a read's memory is what it brought."""
    payload = row.get("payload_bytes_per_read")
    if payload is None:
        return []
    rest = float(row["memory_bytes_per_read"]) - payload
    own = f"Of this {payload:,.0f} bytes are the body's own, a read's on average"
    return [f"{own}; {rest:,.0f} are what it takes beside."]


def _beside(promise: Promise, bare: Row) -> list[str]:
    """The bare protocol in the same cell, where it has the figure."""
    other = bare.get(promise.figure)
    return [] if other is None else [f"The bare protocol, in turns with it: {float(other):,.4g}."]
