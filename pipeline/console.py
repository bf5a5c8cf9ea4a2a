"""What a person sees on a terminal: a progress bar with time left, or plain lines in a log; tables."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import polars as pl
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from pipeline.plan import Estimate, Plan, most_rounds
from pipeline.progress import Listener, Step, listening

LINE_EVERY_S = 5.0


def out(text: str) -> None:
    """Print a result."""
    sys.stdout.write(text + "\n")


@contextmanager
def shown() -> Iterator[None]:
    """Show the progress of everything inside, on stderr: a bar on a terminal, else lines."""
    console = Console(stderr=True)
    if not console.is_terminal:
        with listening(_lines()):
            yield
        return
    columns = (TextColumn("{task.fields[phase]:>9}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bars = Progress(*columns, TextColumn("{task.description}"), console=console, transient=True)
    try:
        with listening(_bars(bars)):
            yield
    finally:
        bars.stop()


def _bars(bars: Progress) -> Listener:
    """Draw from the first step on: a command without steps (a session, say) has the terminal for itself."""
    tasks: dict[str, TaskID] = {}

    def listen(step: Step) -> None:
        bars.start()
        if step.phase not in tasks:
            tasks[step.phase] = bars.add_task(step.text, total=step.total, phase=step.phase)
        bars.update(tasks[step.phase], completed=step.done, total=step.total, description=step.text)

    return listen


def _lines() -> Listener:
    said: dict[str, tuple[str, float]] = {}

    def listen(step: Step) -> None:
        text, at = said.get(step.phase, ("", 0.0))
        now = time.monotonic()
        if now - at >= LINE_EVERY_S or (step.done == step.total and step.text != text):
            said[step.phase] = (step.text, now)
            sys.stderr.write(f"{step.phase}: {step.done} of {step.total}, {step.text}\n")
            sys.stderr.flush()

    return listen


def table(rows: pl.DataFrame, *, as_json: bool = False) -> None:
    """Print rows as a table, or as JSON."""
    if as_json:
        out(rows.write_json())
        return
    made = Table(header_style="bold")
    for name, kind in rows.schema.items():
        made.add_column(name, justify="right" if kind.is_numeric() else "left", overflow="fold")
    for row in rows.iter_rows():
        made.add_row(*("" if value is None else _text(value) for value in row))
    _wide().print(made)
    out(f"{rows.height} rows")


def _text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value).replace("[", "\\[")


def _wide() -> Console:
    """A console that does not squeeze tables where nobody's terminal is too narrow for them."""
    console = Console()
    return console if console.is_terminal else Console(width=200)


def _skipped(estimates: list[Estimate]) -> Table:
    """Why targets are skipped, those with one reason in one row."""
    made = Table(header_style="bold")
    made.add_column("skipped because", overflow="fold", ratio=3)
    made.add_column("targets", overflow="fold", ratio=2)
    reasons = dict.fromkeys(one.reason for one in estimates if one.reason is not None)
    for reason in reasons:
        made.add_row(reason, ", ".join(one.target for one in estimates if one.reason == reason))
    return made


def plan(this: Plan, night: date, estimates: list[Estimate]) -> None:
    """Print what a night would send."""
    made = Table(title=f"Night of {night}, plan {this.source}", header_style="bold")
    for name in ("target", "requests", "tokens in", "tokens out", "USD"):
        made.add_column(name, justify="left" if name == "target" else "right", overflow="fold")
    sent = [one for one in estimates if one.reason is None]
    for one in sent:
        usd = "no price known" if one.usd is None else f"{one.usd:.4f}"
        made.add_row(one.target, str(one.requests), str(one.input_tokens), str(one.output_tokens), usd)
    _wide().print(made)
    if len(sent) < len(estimates):
        _wide().print(_skipped(estimates))
    total, rounds = sum(one.usd or 0 for one in sent), most_rounds(this, [one.target for one in sent])
    out(
        f"Would send {sum(one.requests for one in sent)} requests in {rounds} rounds, at most "
        f"{sum(one.input_tokens + one.output_tokens for one in sent)} tokens, about {total:.4f} USD "
        f"(limit {this.night.max_usd:g}). Nothing was sent."
    )
