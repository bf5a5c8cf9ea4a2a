"""What was found, in words: the JSON document of runs, and the page that is made from it."""

import json
from pathlib import Path
from typing import Any

from bench.collector import why
from bench.collector.bar import Verdict, verdicts

Run = dict[str, Any]

HOW = """\
# The recorder beside other clients

Each client records the same scripted streams from the truth server, which logs the time of each of its own
writes (`pipeline/collect/truth`). Errors are the client's stamp of an event minus the time just before the
send() that carried it, on one machine and one clock. Each client is a process of its own on one CPU core, the
server has another; clients take turns in every cell, and figures are medians of the repeats. Streams of a cell
start one after the other without a pause. Figures of two clients may be compared within one run only. Our
client and the bare protocol are measured in every cell, the others in fewer. "Server late" is how late the
truth server itself was: that is no error of a client, but where it is more than the time between two tokens,
the server wrote as fast as it could.

`make bench` measures anew (about eight minutes; `python -m bench.collector --help` says what can be chosen), and
`make bench-peers` adds whole load generators. Figures as data: `{stem}.json`.

![Stamp error by client]({stem}.svg)
"""

TOOLS = """\
64 streams at a time, started at once, each with its first token 300 ms after the request arrived. The error is the
TTFT that a tool exports for a request (for our clients: counted from the call) minus the true one of the log."""

COLUMNS = (
    ("cell", "cell"),
    ("stamp error p50", "stamp_error_p50_us"),
    ("p99", "stamp_error_p99_us"),
    ("max, µs", "stamp_error_max_us"),
    ("TTFT error p99 from write", "ttft_error_p99_us"),
    ("from call, µs", "ttft_error_from_call_p99_us"),
    ("CPU µs/read", "cpu_us_per_read"),
    ("× bare", "cpu_ratio_to_bare"),
    ("events/s", "events_per_s"),
    ("reads/s", "reads_per_s"),
    ("merged reads", "shared_read_share"),
    ("bytes/read", "memory_bytes_per_read"),
    ("server late p99, µs", "pacing_error_p99_us"),
)
TITLES = {
    "ours": "tokenclock",
    "bare": "bare asyncio.Protocol",
    "httpx_raw": "httpx aiter_raw",
    "aiohttp_any": "aiohttp iter_any",
}


def identity(run: Run) -> tuple[str, ...]:
    """What a later run replaces: the same kind on the same machine at the same priority."""
    machine = run["machine"]
    return str(run["kind"]), str(machine["cpu"]), str(machine["cpu_count"]), str(run["priority"])


def keep(path: Path, run: Run) -> list[Run]:
    """Put a run into the document, in place of the one that it replaces; returns all of its runs."""
    known: list[Run] = json.loads(path.read_text())["runs"] if path.exists() else []
    runs = [one for one in known if identity(one) != identity(run)] + [run]
    runs.sort(key=identity)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"runs": runs}, indent=1, ensure_ascii=False) + "\n")
    return runs


def page(runs: list[Run], stem: str) -> str:
    """The page of all runs, as Markdown; its data and its chart lie beside it under the same stem."""
    misses = any(run["kind"] == "grid" and why.reasons(run["rows"]) for run in runs)
    tried = [f"## What was tried\n\n{why.TRIED}"] if misses else []
    return "\n".join([HOW.format(stem=stem), *(_run(run) for run in runs), *tried])


def _run(run: Run) -> str:
    machine = run["machine"]
    kind = "Whole tools" if run["kind"] == "peers" else "The grid"
    title = f"## {kind}: {machine['cpu']}, {machine['cpu_count']} CPUs, {run['priority']} priority"
    facts = f"{machine['system']}, Python {machine['python']}; {run['measured_at']}; commit {run['commit']}."
    if "load" in run:  # of older runs it is not known
        facts += f" Others used the machine: its load average was {number(run['load'])} when this began."
    if note := run.get("note"):
        facts += f" {note}"
    found = [TOOLS, peers(run["rows"])] if run["kind"] == "peers" else _grid(run)
    return "\n\n".join([title, facts, *found]) + "\n"


def _grid(run: Run) -> list[str]:
    clients = dict.fromkeys(row["client"] for row in run["rows"])
    tables = [f"### {TITLES.get(client, client)}\n\n{figures(run, client)}" for client in clients]
    return [bar(verdicts(run["rows"])), *_why(run["rows"]), *tables]


def _why(rows: list[dict[str, Any]]) -> list[str]:
    lines = why.reasons(rows)
    return ["### Where it misses, and why", "\n".join(f"* {line}" for line in lines)] if lines else []


def peers(rows: list[dict[str, Any]]) -> str:
    """Tools and clients in the order of their errors; those that did not run say why."""
    known = [row for row in rows if row.get("ttft_error_from_call_p50_us") is not None]
    known.sort(key=lambda row: float(row["ttft_error_from_call_p50_us"]))
    figures = [f"ttft_error_from_call_{which}_us" for which in ("p50", "p99", "max")]
    lines = [[_title(row), *(number(row[name]) for name in figures), number(row["requests"])] for row in known]
    failed = [f"{_title(row)}: {row['error']}" for row in rows if row["error"]]
    return "\n\n".join([table(["TTFT error, µs", "p50", "p99", "max", "requests"], lines), *failed])


def _title(row: dict[str, str]) -> str:
    return TITLES.get(row["client"], row["client"])


def bar(found: list[Verdict]) -> str:
    """The promises, as a table."""
    return table(
        ["the bar", "decided by", "figure", ""],
        [[one.promise.text, one.cell or "not measured", number(one.value), _word(one)] for one in found],
    )


def _word(verdict: Verdict) -> str:
    return {None: "–", True: "hit", False: "**miss**"}[verdict.is_kept]


def figures(run: Run, client: str) -> str:
    """All cells of one client, as a table; a cell that failed says why."""
    rows = [row for row in run["rows"] if row["client"] == client]
    lines = [[row["cell"], *(number(row.get(name)) for _, name in COLUMNS[1:])] for row in rows]
    failed = [f"{row['cell']}: {row['error']}" for row in rows if row["error"]]
    return "\n\n".join([table([title for title, _ in COLUMNS], lines), *failed])


def table(head: list[str], lines: list[list[str]]) -> str:
    """A Markdown table."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *lines))


def number(value: float | None) -> str:
    """Three digits that matter."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 or value == 0 else f"{value:.3g}"
