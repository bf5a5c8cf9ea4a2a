"""What becomes of recorded nights: `gc`, `backup`, `restore`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands import Command, say
from pipeline.layout import Layout

if TYPE_CHECKING:
    from pipeline.lifecycle.gc import Candidate


def add(command: Command, planned: argparse.ArgumentParser) -> None:
    """Add the commands."""
    gc = command("gc", _gc, "what [retention] of the plan lets expire; deletes nothing without --apply", planned)
    gc.add_argument("--apply", action="store_true", help="delete it")
    backup = command("backup", _backup, "traces, tables, audits and warehouse into one file")
    backup.add_argument("file", type=Path, help="ends in .tar, .tar.gz or .tar.zst")
    backup.add_argument("--with-dagster", action="store_true", help="Dagster's history too")
    backup.add_argument("--overwrite", action="store_true", help="replace an existing file")
    restore = command("restore", _restore, "bring a backup back, every file verified by its hash")
    restore.add_argument("file", type=Path, help="a file that `backup` wrote")
    restore.add_argument("--overwrite", action="store_true", help="replace traces, tables, audits and warehouse")


def _gc(options: argparse.Namespace) -> int:
    from pipeline import plan
    from pipeline.collect.night import tonight
    from pipeline.lifecycle import gc

    this = plan.load(options.plan)
    swept = gc.sweep(Layout.from_environment(), this, tonight(), apply=options.apply)
    if swept.rule is None:
        text = f"{this.source}: [retention] names no raw_reads_nights, so everything is kept"
    else:
        done = "freed" if swept.is_applied else "would be freed; nothing was deleted, --apply does it"
        lines = [_night(one) for one in swept.nights]
        text = "\n".join([*lines, f"{swept.rule}: {swept.bytes:,} bytes {done}"])
    say(options, {"bytes": swept.bytes, **vars(swept)}, text)
    return 1 if swept.is_applied and any(one.refused for one in swept.nights) else 0


def _night(one: "Candidate") -> str:
    kept = f"; kept: {one.refused}" if one.refused else ""
    return f"{one.night}: raw reads of {len(one.runs)} runs, {one.bytes:,} bytes{kept}"


def _backup(options: argparse.Namespace) -> int:
    from pipeline.lifecycle import backup

    made = backup.backup(
        Layout.from_environment(),
        options.file.absolute(),
        with_dagster=options.with_dagster,
        overwrite=options.overwrite,
    )
    text = (
        f"{made.path}: {made.files} files, {made.bytes:,} bytes in {made.archive_bytes:,}\nsha256 {made.sha256}\n"
        f"head of the ledger: {made.ledger_head or 'none'}"
    )
    say(options, made, text)
    return 0


def _restore(options: argparse.Namespace) -> int:
    from pipeline.lifecycle import restore

    layout = Layout.from_environment()
    done = restore.restore(layout, options.file.absolute(), overwrite=options.overwrite)
    text = (
        f"{layout.data}: {', '.join(done.parts)}: {done.files} files, {done.bytes:,} bytes, as of {done.made_at}\n"
        f"head of the ledger: {done.ledger_head or 'none'}\nnext: tokenclock verify, then tokenclock publish"
    )
    say(options, done, text)
    return 0
