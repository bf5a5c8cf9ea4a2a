"""The whole grid: every client in every cell by turns, several times, and the medians."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from bench.collector import report
from bench.collector.cells import FIRST, Cell, asks
from bench.collector.measure import ClientFailedError, Place, measured
from pipeline.collect.calibrate import CalibrationError

SLOW_S = 3
"""A client that takes longer than this in a cell is measured there once."""

NO_TIME = "not measured: the time was up; give more (--minutes), or leave slow clients out (--clients)"

Row = dict[str, Any]
Repeats = dict[tuple[Cell, str], list[Row]]


def rows(cells: Sequence[Cell], clients: Sequence[str], at: Place, repeats: int, minutes: float) -> list[Row]:
    """One row a cell and client; ends within the minutes, and begins no repeat that would not."""
    found: Repeats = {(cell, client): [] for cell in cells for client in clients if asks(cell, client)}
    end = time.monotonic() + minutes * 60
    for repeat in range(repeats):
        again_s = sum(taken[-1]["took_s"] for taken in found.values() if taken and not _is_slow(taken))
        if time.monotonic() + again_s > end:
            break
        for cell, client in _turns(cells, clients, repeat):
            if not _is_slow(found[cell, client]) and time.monotonic() < end:
                found[cell, client].append(_once(cell, client, at))
    return [_row(cell, client, at, taken, found.get((cell, "bare"), [])) for (cell, client), taken in found.items()]


def _turns(cells: Sequence[Cell], clients: Sequence[str], repeat: int) -> Iterator[tuple[Cell, str]]:
    """Cells in order, clients side by side in each, another one first each time; at first without slow ones.

    So the time is never up before our client and the bare protocol have been in every cell.
    """
    first = [client for client in clients if client in FIRST]
    others = [client for client in clients if client not in FIRST]
    for group in (first, others) if repeat == 0 else (clients,):
        for number, cell in enumerate(cells):
            asked = [client for client in group if asks(cell, client)]
            leads = (repeat + number) % max(1, len(asked))
            for client in (*asked[leads:], *asked[:leads]):
                yield cell, client


def _is_slow(taken: list[Row]) -> bool:
    return bool(taken) and float(taken[-1]["took_s"]) > SLOW_S


def _once(cell: Cell, client: str, at: Place) -> Row:
    """A measurement, or why there is none."""
    begun = time.monotonic()
    try:
        figures = {"error": None, **measured(client, cell, at)}
    except (ClientFailedError, CalibrationError) as error:
        figures = {"error": str(error)}
    print(f"{cell.title:44} {client:12} {_said(figures)}", flush=True)
    return {**figures, "took_s": time.monotonic() - begun}


def _said(figures: Row) -> str:
    if figures["error"]:
        return f"failed: {figures['error']}"
    p50, p99 = report.number(figures["stamp_error_p50_us"]), report.number(figures["stamp_error_p99_us"])
    return f"stamp error p50 {p50} µs, p99 {p99} µs; {report.number(figures['cpu_us_per_read'])} CPU µs a read"


def _row(cell: Cell, client: str, at: Place, taken: list[Row], bare: list[Row]) -> Row:
    """The medians of a client's repeats in a cell; its CPU beside that of the bare protocol, repeat by repeat."""
    good = [one for one in taken if one["error"] is None]
    pairs = [(one["cpu_us"], other["cpu_us"]) for one, other in zip(taken, bare, strict=False) if _both(one, other)]
    p99s = [one["stamp_error_p99_us"] for one in good]
    return {
        "cell": cell.title,
        **asdict(cell),
        "client": client,
        "priority": at.priority,
        "repeats": len(good),
        "error": next((one["error"] for one in taken if one["error"]), None if taken else NO_TIME),
        **{name: _middle([one[name] for one in good]) for name in (good[0] if good else ()) if name != "error"},
        "stamp_error_p99_us_of_repeats": p99s,
        "cpu_ratio_to_bare": _middle([own / other for own, other in pairs]),
    }


def _both(one: Row, other: Row) -> bool:
    return one["error"] is None and other["error"] is None


def _middle(values: list[Any]) -> Any:
    """The median of numbers; null where one is missing; of words the first, which all share."""
    if not values or any(value is None for value in values):
        return None
    return values[0] if isinstance(values[0], str) else median(values)
