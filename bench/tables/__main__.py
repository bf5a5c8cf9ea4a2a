"""Measure how stored reads become tables, and write `docs/bench/tables.md`.

Three questions: what metrics of requests cost beside the bare scan of their columns, beside pandas and DuckDB; what
a whole night costs, JSON decoding included; what one night more costs behind many. Each step has a process of its
own. Contenders take turns, the least time of each counts, and processor time stands beside that of the wall:
on a machine that others use, it is what can be compared.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.tables import contenders, report
from pipeline.collect import host

OUT = Path(__file__).resolve().parents[2] / "docs" / "bench"

FRUGAL = ["scan", "ours", "lists"]
"""Contenders whose memory holds more events than that of the others would."""

Found = dict[str, Any]


def main() -> None:
    """Measure and report."""
    said = _options()
    with tempfile.TemporaryDirectory(dir=said.work) as place:
        work = Path(place)
        found: Found = {
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": host.facts(),
            "commit": host.code_commit(),
            "note": said.note,
            "metrics": [
                _metrics(work / "events", said.events, said.repeats, list(contenders.CONTENDERS)),
                *(_metrics(work / "more", more, said.repeats, FRUGAL) for more in said.more_events),
            ],
            "night": _night(work / "night", said.reads),
            "nights": [_nights(work / f"nights{count}", count) for count in said.nights],
        }
    said.out.mkdir(parents=True, exist_ok=True)
    (said.out / "tables.json").write_text(json.dumps(found, indent=2) + "\n")
    (said.out / "tables.md").write_text(report.text(found))
    print(report.text(found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.tables", description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000, help="decoded events; default: %(default)s")
    parser.add_argument("--more-events", type=int, nargs="*", default=[], help=f"of {', '.join(FRUGAL)} alone")
    parser.add_argument("--repeats", type=int, default=2, help="turns of each contender; default: %(default)s")
    parser.add_argument("--reads", type=int, default=1_000_000, help="reads of the night; default: %(default)s")
    parser.add_argument("--nights", type=int, nargs="*", default=[1, 300], help="nights before the new one")
    parser.add_argument("--work", type=Path, help="folder for what is made meanwhile")
    parser.add_argument("--note", help="what a reader should know of this run; stands on the page")
    parser.add_argument("--out", type=Path, default=OUT, help="default: %(default)s")
    return parser.parse_args()


def _metrics(folder: Path, events: int, repeats: int, names: list[str]) -> Found:
    contenders.write(folder, events)
    taken: dict[str, list[Found]] = {name: [] for name in names}
    for _ in range(repeats):
        for name, of in taken.items():
            of.append(_run("bench.tables.contenders", name, str(folder)))
            print(f"{name}: {of[-1]['cpu_s']:.2f} s CPU", flush=True)
    said = {json.dumps(ones[0]["found"]) for name, ones in taken.items() if name != "scan"}
    if len(said) != 1:
        raise SystemExit(f"contenders differ: {said}")
    return {
        "events": events,
        "contenders": {name: min(ones, key=lambda one: one["cpu_s"]) for name, ones in taken.items()},
    }


def _night(folder: Path, reads: int) -> Found:
    made = _step("make_night", folder, reads)
    return {**made, **_step("build_night", folder, 0)}


def _nights(folder: Path, count: int) -> Found:
    made = _step("make_nights", folder, count)
    return {**made, "all": _step("publish_all", folder, 0), "one_more": _step("one_night_more", folder, 0)}


def _step(name: str, folder: Path, size: int) -> Found:
    found = _run("bench.tables.step", name, str(folder), str(size))
    print(f"{name} {size}: {json.dumps(found)[:200]}", flush=True)
    return found


def _run(module: str, *arguments: str) -> Found:
    command = [sys.executable, "-m", module, *arguments]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: Found = json.loads(out.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
