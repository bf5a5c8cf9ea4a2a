"""The benchmark from the command line."""

import argparse
import importlib.util
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench.collector import cells, grid, measure, report
from bench.collector.bar import verdicts
from pipeline.collect import host
from pipeline.errors import TokenclockError

OUT = Path("docs/bench/collector.json")


def arguments(given: list[str] | None) -> argparse.Namespace:
    """What may be said on the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.collector", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few cells, once; kept only with --out")
    parser.add_argument("--clients", default=",".join(available()), help="default: %(default)s")
    parser.add_argument("--tls", choices=("both", "only", "none"), default="both", help="default: %(default)s")
    parser.add_argument("--realtime", action="store_true", help="server and clients under SCHED_FIFO")
    parser.add_argument("--repeats", type=int, default=3, help="at most; default: %(default)s")
    parser.add_argument("--minutes", type=float, default=8, help="bound on all repeats; default: %(default)s")
    parser.add_argument("--out", type=Path, help=f"JSON; the page and the chart lie beside it; default: {OUT}")
    parser.add_argument("--draw", type=Path, metavar="JSON", help="make the page and the chart anew, and no more")
    return parser.parse_args(given)


def available() -> list[str]:
    """Clients whose package is installed, our own first."""
    lacks = set() if importlib.util.find_spec("aiohttp") else {"aiohttp_any"}
    return sorted(set(measure.CLIENTS) - lacks, key=lambda name: (name != "ours", name != "bare", name))


def main(given: list[str] | None = None) -> int:
    """Measure, keep, say; 1 where a client failed."""
    said = arguments(given)
    if said.draw:
        publish(said.draw, json.loads(said.draw.read_text())["runs"])
        return 0
    run = measured(said)
    out = said.out or (None if said.quick else OUT)
    if out:
        publish(out, report.keep(out, run))
    print(report.bar(verdicts(run["rows"])))
    return int(any(row["error"] for row in run["rows"]))


def measured(said: argparse.Namespace) -> report.Run:
    """One run of the grid, with the facts of the machine."""
    chosen = cells.quick(said.tls) if said.quick else cells.every(said.tls)
    clients = said.clients.split(",")
    if unknown := set(clients) - set(measure.CLIENTS):
        raise measure.CannotMeasureError(
            f"--clients: no client named {', '.join(sorted(unknown))}; there are {', '.join(measure.CLIENTS)}"
        )
    with measure.place({cell.is_tls for cell in chosen}, is_real_time=said.realtime) as at:
        repeats = 1 if said.quick else said.repeats
        rows = grid.rows(chosen, clients, at, repeats, said.minutes)
    return {
        "kind": "grid",
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": host.facts(),
        "priority": at.priority,
        "commit": host.code_commit(),
        "rows": rows,
    }


def publish(out: Path, runs: list[report.Run]) -> None:
    """Write the page, and the chart of the grid where Altair is installed."""
    out.with_suffix(".md").write_text(report.page(runs, out.stem))
    if not any(run["kind"] == "grid" for run in runs):
        return
    if not importlib.util.find_spec("altair"):
        print(f"no chart: altair is not installed here; elsewhere: python -m bench.collector --draw {out}")
        return
    from bench.collector import draw  # noqa: PLC0415 - the only part that needs more than a recorder does

    out.with_suffix(".svg").write_text(draw.svg(runs) + "\n")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except TokenclockError as error:
        sys.exit(str(error))
