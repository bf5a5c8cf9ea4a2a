"""From a number to its bytes, and whether it follows from them: `explain`, `trace`, `verify`."""

import argparse
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands import Command, say
from pipeline.layout import Layout

if TYPE_CHECKING:
    from pipeline.provenance.explain import Explained, Figure
    from pipeline.provenance.timeline import Moment, Timeline

SHOWN_REQUESTS = 5


def add(command: Command, _: argparse.ArgumentParser) -> None:
    """Add the commands."""
    explain = command("explain", _explain, "what is behind a series of a chart: runs, manifests, code, requests")
    explain.add_argument("chart", help="name of a published chart, such as local_ttft")
    explain.add_argument("series", help="name of a series as it stands on the chart; a wrong one lists them")
    explain.add_argument("--requests", action="store_true", help="list every request, not the first few")
    trace = command("trace", _trace, "the timeline of one request, from its raw bytes")
    trace.add_argument("request_id", help="as the column request_id has it, or `explain`")
    trace.add_argument(
        "--draw",
        nargs="?",
        const=True,
        metavar="PATH",
        help="draw it too, as .svg, .png or .html; default: an SVG in data/timelines",
    )
    verify = command("verify", _verify, "rehash, recompute, redraw; name the first difference, and end with 1")
    verify.add_argument(
        "--night", type=date.fromisoformat, action="append", help="only this night's traces and tables (repeatable)"
    )
    verify.add_argument("--head", help="a head of the ledger noted down once, which must still be in it")
    verify.add_argument("--checks", action="store_true", help="run the checks anew too; takes long")
    verify.add_argument("--all", action="store_true", help="go on after the first difference")


def _explain(options: argparse.Namespace) -> int:
    from pipeline.provenance import explain

    found = explain.explain(Layout.from_environment(), options.chart, options.series)
    shown = None if options.requests else SHOWN_REQUESTS
    say(options, found, "\n\n".join([*(_figure(one, shown) for one in found.figures), *_by_others(found)]))
    return 0


def _figure(one: "Figure", shown: int | None) -> str:
    value = "no figure" if one.value is None else f"{one.value:.6g} {one.unit or ''}"
    lines = [f"{one.figure}\n  {value.strip()}, n = {one.n}; {_error(one)}"]
    for run in one.runs:
        commit = f", commit {run['code_commit']}" if run["code_commit"] else ", commit not known"
        lines += [
            f"  run {run['run_id']}",
            f"    {run['outcome']}, {run['requests_recorded']} requests, started at {run['started_at']:%F %T} UTC",
            f"    manifest {run['manifest']} ({run['manifest_is']})\n    sha256   {run['manifest_sha256']}",
            f"    code     tokenclock {run['code_version']}{commit}\n    plan     {run['plan_sha256']}",
        ]
    lines.append(f"  requests ({len(one.requests)}):")
    lines += [f"    {row['request_id']}{_value(row['value'])}" for row in one.requests[:shown]]
    if shown is not None and len(one.requests) > shown:
        lines.append(f"    … {len(one.requests) - shown} more: --requests lists them, --json everything")
    if one.requests:
        lines.append(f"  next: tokenclock trace {one.requests[0]['request_id']}")
    return "\n".join(lines)


def _value(value: float | None) -> str:
    return "" if value is None else f"  {value:.6g}"


def _error(one: "Figure") -> str:
    taken = one.calibration["taken"]
    if not taken:
        return "no calibration: the recorder's own error is unknown"
    worst = f"{taken} calibrations, worst p99 {one.calibration['worst_p99_ms']:.3f} ms"
    if one.instrument_error_ms is None:
        return worst
    share = "" if one.error_share is None else f", {one.error_share:.3%} of it"
    return f"the recorder's own error ± {one.instrument_error_ms:.3f} ms{share} ({worst})"


def _by_others(found: "Explained") -> list[str]:
    return [
        f"{row['figure_id']}: {row['value']:.6g}, published by others, not measured here\n"
        f"  {row['provider']}, {row['model']}, {row['published_at']}, measured by {row['measured_by']}\n"
        f"  {row['source_url']}"
        for row in found.published
    ]


def _trace(options: argparse.Namespace) -> int:
    from pipeline.provenance import timeline

    layout = Layout.from_environment()
    found = timeline.timeline(layout, options.request_id)
    picture = _drawn(layout, found, options.draw) if options.draw else None
    drawn = f"\ndrawn: {picture}" if picture else ""
    say(options, {"facts": found.facts, "moments": found.moments, "picture": picture}, _told(found) + drawn)
    return 0


def _told(found: "Timeline") -> str:
    facts = "\n".join(f"{name:>22}  {value}" for name, value in found.facts.items() if value is not None)
    return facts + "\n\n" + "\n".join(map(_line, found.moments))


def _line(one: "Moment") -> str:
    read = "" if one.read_index is None else f"#{one.read_index}"
    lag = "" if one.lag_us is None else f"   (user space {one.lag_us:+.1f} µs)"
    return f"{one.at_ms:>12.3f} ms  {one.kind:<10} {read:>6}  {one.what}{lag}"


def _drawn(layout: Layout, found: "Timeline", asked: str | bool) -> Path:
    from dataclasses import asdict

    from pipeline.charts import timeline as picture

    name = str(found.facts["request_id"])
    path = layout.timeline(name) if asked is True else Path(str(asked)).absolute()
    subtitle = f"{found.facts['model_id']}: {found.facts['status']}, {found.facts['tokens']} tokens"
    return picture.write(name, subtitle, [asdict(one) for one in found.moments], path)


def _verify(options: argparse.Namespace) -> int:
    from pipeline.provenance import verify

    found = verify.verify(
        Layout.from_environment(),
        options.night,
        head=options.head,
        with_checks=options.checks,
        everything=options.all,
    )
    counted = ", ".join(f"{count:,} {what}" for what, count in found.counts.items())
    lines = [f"looked at {counted}", *(f"note: {note}" for note in found.notes)]
    lines += [f"head of the ledger: {found.head}"] if found.head else []
    lines += [one.said for one in found.differences] or ["no difference"]
    say(options, found, "\n".join(lines))
    return 1 if found.differences else 0
