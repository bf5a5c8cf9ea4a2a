"""Answers kept for review: one text file a worked question, renewed by `make answers`, which shows what changes."""

import difflib
import sys
import tempfile
from pathlib import Path

import polars as pl

from pipeline import sql
from pipeline.layout import Layout
from pipeline.query import run

FOLDER = Path(__file__).with_name("answers")


def text(layout: Layout, query: sql.Query) -> str:
    """The question, what the answer shows, and the answer as a table."""
    return f"{query.question}\n{query.shows}\n\n{_table(run(layout, query.sql))}"


def _table(rows: pl.DataFrame) -> str:
    cells = [rows.columns, *([_cell(value) for value in row] for row in rows.rows())]
    widths = [max(len(row[column]) for row in cells) for column in range(rows.width)]
    lines = [
        " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    ]
    rule = "-+-".join("-" * width for width in widths)
    return "\n".join([lines[0], rule, *lines[1:], ""])


def _cell(value: object) -> str:
    shown = "" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)
    return shown.replace("\n", "⏎")


def kept(query: sql.Query) -> Path:
    return FOLDER / f"{query.name}.txt"


def renew(layout: Layout) -> None:
    """Write every answer anew and show what changed; drop those of questions that are gone."""
    known = sql.queries()
    for path in FOLDER.glob("*.txt"):
        if path.stem not in {query.name for query in known}:
            path.unlink()
            sys.stdout.write(f"gone: {path.name}\n")
    for query in known:
        path = kept(query)
        before, after = path.read_text("utf-8") if path.exists() else "", text(layout, query)
        changes = difflib.unified_diff(before.splitlines(), after.splitlines(), "kept", path.name, lineterm="")
        sys.stdout.write("".join(f"{line}\n" for line in changes))
        path.write_text(after, "utf-8")


if __name__ == "__main__":
    from tests.questions.published import published

    with tempfile.TemporaryDirectory(prefix="tokenclock-") as folder:
        renew(published(Layout(Path(folder) / "data", Path(folder) / "site")))
