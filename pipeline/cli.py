"""The `tokenclock` command: the functions behind the Dagster assets, for a terminal.

Belongs here: arguments, printing, exit codes. Does not: anything that computes.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from pipeline import __version__, console
from pipeline import commands as groups
from pipeline import plan as plans
from pipeline.collect import bundled, fleet
from pipeline.collect import night as nights
from pipeline.collect.environment import environment
from pipeline.errors import TokenclockError
from pipeline.layout import Layout
from pipeline.plan import PlanError
from pipeline.trace import TraceError

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code. Known errors are one clear line on stderr and code 1."""
    options = _parser().parse_args(arguments)
    try:
        with nullcontext() if options.quiet else console.shown():
            return int(options.run(options) or 0)
    except TokenclockError as error:
        sys.stderr.write(f"tokenclock {options.command}: {error}\n")
        return 1
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        sys.stderr.write(
            f"tokenclock {options.command}: interrupted; finished requests are kept, the next run goes on\n"
        )
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tokenclock", description="How fast is this provider, or this GPU, really?"
    )
    parser.add_argument("--version", action="version", version=f"tokenclock {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="print the result as JSON on stdout")
    shared.add_argument("--quiet", action="store_true", help="show no progress")
    planned = argparse.ArgumentParser(add_help=False)
    planned.add_argument("--plan", help="plan file; default: TOKENCLOCK_PLAN, else the plan of the package")
    planned.add_argument(
        "--allow-unpriced",
        action="store_true",
        help="measure targets without a known price too; max_usd is blind to them",
    )

    def command(name: str, run: Any, text: str, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text, parents=[shared, *parents])
        made.set_defaults(run=run)
        return made

    command("demo", _demo, "run the nightly job now, through Dagster: measure, check, publish", planned)
    collect = command("collect", _collect, "record tonight's traces", planned)
    collect.add_argument("--target", action="append", help="only this target (repeatable); default: all enabled")
    collect.add_argument("--bundle", type=Path, metavar="TAR", help="do what a bundle says, with what is in it")
    bundle = command("bundle", _bundle, "pack collector, plan and wheels for a machine without a network", planned)
    bundle.add_argument(
        "out", type=Path, metavar="OUT.tar", help="its name becomes the recorder's, as in vault.tar"
    )
    bundle.add_argument("--target", action="append", help="only this target (repeatable); default: all engines")
    bundle.add_argument("--wheels", type=Path, metavar="DIR", help="wheels at hand; default: pip fetches them")
    bundle.add_argument("--no-wheels", action="store_true", help="the Python there has the packages already")
    bundle.add_argument("--python-version", default=PYTHON, metavar="X.Y", help="of the Python there")
    bundle.add_argument(
        "--platform", action="append", default=[], help="as pip names it, such as manylinux_2_28_x86_64"
    )
    ingest = command("ingest", _ingest, "take in what was collected elsewhere, and build the tables of its nights")
    ingest.add_argument("file", type=Path, nargs="*", help="result-….tar; default: all that lie in the inbox")
    build = command("build", _build, "recompute all tables from the stored traces")
    build.add_argument("--night", type=date.fromisoformat, help="only this night (YYYY-MM-DD); default: all")
    command("publish", _publish, "audit the tables, then publish warehouse, charts and site")
    command("plan", _plan, "what tonight would send: requests, tokens, USD; nothing is sent", planned)
    sql = command("sql", _sql, "query the warehouse, read-only; interactive without a query")
    sql.add_argument("query", nargs="?", help="SQL to run")
    sql.add_argument("--file", type=Path, help="file with SQL to run, such as sql/queries/slowest_requests.sql")
    ui = command("ui", _ui, "open Dagster: the graph, its runs, the schedule", planned)
    ui.add_argument("--port", type=int, default=3000, help="port on this machine; default: 3000")
    groups.add(command, planned)
    return parser


def _say(options: argparse.Namespace, result: Any, text: str) -> None:
    """Print a result: for people, or as JSON."""
    console.out(msgspec.json.encode(result, enc_hook=str).decode() if options.json else text)


def _use_plan(options: argparse.Namespace) -> None:
    """What is said by option holds for everything this process starts, Dagster's workers included."""
    if options.allow_unpriced:
        os.environ[plans.ALLOW_UNPRICED] = "1"
    if options.plan:
        os.environ["TOKENCLOCK_PLAN"] = str(Path(options.plan).absolute())


def _environment(options: argparse.Namespace) -> dict[str, str]:
    return environment() | ({plans.ALLOW_UNPRICED: "1"} if options.allow_unpriced else {})


def _demo(options: argparse.Namespace) -> int:
    from pipeline import instance  # noqa: PLC0415 - Dagster takes seconds to import

    _use_plan(options)
    layout, night = Layout.from_environment(), nights.tonight()
    outcome = instance.run_nightly(layout, night)
    page = layout.site / "index.html"
    _say(
        options,
        {"night": night, "succeeded": outcome.succeeded, "site": page, "warehouse": layout.warehouse},
        _farewell(layout, page) if outcome.succeeded else _regret(outcome.failures),
    )
    return 0 if outcome.succeeded else 1


def _regret(failures: list[str]) -> str:
    return "The night did not end well:\n" + "\n".join(f"  {failure}" for failure in failures or ["interrupted"])


def _farewell(layout: Layout, page: Path) -> str:
    return (
        f"\nThe site:      {page}\nThe warehouse: {layout.warehouse}\n"
        "Look further:  make ui   ·   make sql F=sql/queries/latest_night_side_by_side.sql"
    )


def _bundle(options: argparse.Namespace) -> int:
    from pipeline.collect import bundle  # noqa: PLC0415 - what it needs is needed at home alone

    plan = plans.load(options.plan)
    targets = options.target or [name for name, one in plan.targets.items() if one.engine is not None]
    wheels = bundle.Wheels(options.wheels, options.python_version, tuple(options.platform))
    made = bundle.write(options.out, plan, targets, None if options.no_wheels else wheels)
    _say(
        options,
        {"bundle": options.out, "targets": made.targets, "files": len(made.files)},
        f"{options.out}: {', '.join(made.targets)}\nThere: tar xf {options.out.name} && "
        f"python{made.python_version} {made.recorder}/collect.py",
    )
    return 0


def _ingest(options: argparse.Namespace) -> int:
    from pipeline import inbox, publish  # noqa: PLC0415 - polars and duckdb are not needed by every command

    layout = Layout.from_environment()
    opened = [inbox.open_letter(layout, path) for path in options.file or inbox.waiting(layout)]
    built = {str(night): publish.build_night(layout, night) for night in inbox.nights(opened)}
    rows = [{"file": one.path, "night": one.night, "runs": one.runs, "refused": one.refused} for one in opened]
    text = "\n".join(
        f"{one.path}: {one.refused or f'{len(one.runs)} new runs of night {one.night}'}" for one in opened
    )
    _say(options, {"files": rows, "built": built}, text or f"{layout.inbox}: nothing lies there")
    return 1 if any(one.refused for one in opened) else 0


def _collect(options: argparse.Namespace) -> int:
    if options.bundle:
        return bundled.carried_out(options.bundle)
    this = nights.Collection(
        plans.load(options.plan), Layout.from_environment(), nights.tonight(), _environment(options)
    )
    targets = options.target or plans.enabled(this.plan, this.night, this.environment)
    if not targets:
        raise PlanError(f"{this.plan.source}: no target is enabled; `tokenclock plan` tells why each is skipped")
    recorded = fleet.collect(this, targets)
    rows = [
        {"run": one.run_id, "outcome": one.outcome, "requests": one.requests_recorded, "error": one.error}
        for one in recorded
    ]
    _say(options, rows, "\n".join(f"{row['run']}  {row['outcome']}  {row['requests']} requests" for row in rows))
    for row in rows:
        if row["error"]:
            sys.stderr.write(f"{row['run']}: {row['error']}\n")
    return 0 if all(one.outcome == "finished" for one in recorded) else 1


def _build(options: argparse.Namespace) -> int:
    from pipeline import expiry, publish, trace  # noqa: PLC0415 - polars and duckdb are not needed by every command

    layout = Layout.from_environment()
    wanted = [options.night] if options.night else trace.nights(layout.traces)
    if not options.night:
        publish.build_releases(layout, again=True)
    if not wanted:
        raise TraceError(
            f"{layout.traces}: no night was recorded yet; `make demo` or `tokenclock collect` records one"
        )
    built = {str(night): publish.build_night(layout, night) for night in wanted}
    lines = [f"{night}: " + ", ".join(f"{name} {n}" for name, n in rows.items()) for night, rows in built.items()]
    for night in wanted:
        if gone := expiry.of(layout.traces, night):
            sys.stderr.write(f"{night}: kept as it was built, {gone.said}\n")
    _say(options, built, "\n".join(lines))
    return 0


def _publish(options: argparse.Namespace) -> int:
    from pipeline import publish  # noqa: PLC0415 - as above

    layout = Layout.from_environment()
    publish.build_releases(layout)
    done = publish.publish_warehouse(layout)
    page = publish.publish_site(layout)
    held = "".join(f"\nheld back: {night} ({', '.join(names)})" for night, names in done.held.items())
    text = f"{len(done.nights)} nights published\nwarehouse: {layout.warehouse}\nsite:      {page}{held}"
    for change in done.changed:
        sys.stderr.write(f"changed: {change}\n")
    result = {
        "nights": done.nights,
        "changed": done.changed,
        "held": {str(k): v for k, v in done.held.items()},
        "rows": done.rows,
        "site": page,
    }
    _say(options, result, text)
    return 0


def _plan(options: argparse.Namespace) -> int:
    plan, night, known = plans.load(options.plan), nights.tonight(), _environment(options)
    estimates = [plans.estimate(plan, name, night, known) for name in plan.targets]
    if options.json:
        _say(options, {"night": night, "plan": plan.source, "targets": [asdict(one) for one in estimates]}, "")
    else:
        console.plan(plan, night, estimates)
    return 0


def _sql(options: argparse.Namespace) -> int:
    from pipeline import query  # noqa: PLC0415 - a machine that only collects has no DuckDB

    layout = Layout.from_environment()
    text = options.file.read_text("utf-8") if options.file else options.query
    if text is None:
        query.interactive(layout)
    else:
        console.table(query.run(layout, text), as_json=options.json)
    return 0


def _ui(options: argparse.Namespace) -> int:
    from pipeline import instance  # noqa: PLC0415 - Dagster takes seconds to import

    _use_plan(options)
    instance.open_ui(Layout.from_environment(), options.port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
