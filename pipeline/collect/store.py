"""Crash-safe traces: every finished request is on disk before the next is counted.

A run in progress is a hidden folder with a draft manifest and a journal of finished requests. Closing
it turns the journal into Parquet and renames the folder. A folder left behind by a killed process is
closed the same way, as `interrupted`: what was finished is kept, what was in flight is counted as lost.
"""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec

from pipeline import trace
from pipeline.collect.recorder import Trace

_LENGTH = 4


class RunStore:
    """The open journal of one run."""

    def __init__(self, traces: Path, draft: trace.Manifest) -> None:
        self.final = trace.run_folder(traces, draft.night, draft.target.name, draft.run_id)
        self.folder = self.final.with_name(f".{self.final.name}")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        trace.write_json(self.folder / "draft.json", draft)

    def append(self, finished: Trace) -> None:
        """Keep a finished request, in one write to the system: a killed process loses nothing of it."""
        record = msgspec.msgpack.encode(finished)
        with (self.folder / "journal").open("ab") as journal:
            journal.write(len(record).to_bytes(_LENGTH, "big") + record)

    def close(self, outcome: str, error: str | None = None, clock: dict[str, int] | None = None) -> trace.Manifest:
        """Seal the run."""
        return seal(self.folder, outcome, error, clock)


def seal(folder: Path, outcome: str, error: str | None, clock: dict[str, int] | None = None) -> trace.Manifest:
    """Turn a run in progress into a finished one, in one rename."""
    draft = msgspec.json.decode((folder / "draft.json").read_bytes(), type=trace.Manifest)
    finished = list(_records(folder / "journal"))
    manifest = msgspec.structs.replace(
        draft, outcome=outcome, error=error, clock=clock, requests_recorded=len(finished)
    )
    trace.write_run(
        folder, manifest, [one.request for one in finished], [read for one in finished for read in one.reads]
    )
    (folder / "journal").unlink(missing_ok=True)
    (folder / "draft.json").unlink()
    final = folder.with_name(folder.name.removeprefix("."))
    folder.rename(final)
    return trace.read_manifest(final / "manifest.json")


def _records(journal: Path) -> Iterator[Trace]:
    """Finished requests of a journal; a record that a crash cut short ends it."""
    data = journal.read_bytes() if journal.exists() else b""
    at = 0
    while at + _LENGTH <= len(data):
        end = at + _LENGTH + int.from_bytes(data[at : at + _LENGTH], "big")
        if end > len(data):
            return
        one = msgspec.msgpack.decode(data[at + _LENGTH : end], type=Trace)
        yield Trace({**one.request, "night": date.fromisoformat(one.request["night"])}, one.reads)
        at = end


def recover(traces: Path) -> list[trace.Manifest]:
    """Close what earlier, killed collections left open. Call only while no other collection runs."""
    closed = []
    for folder in sorted(traces.glob("night=*/target=*/.*")):
        if (folder / "draft.json").exists():
            closed.append(seal(folder, "interrupted", "the collecting process ended before the run did"))
        elif (folder / "manifest.json").exists():  # cut between sealing and renaming
            folder.rename(folder.with_name(folder.name.removeprefix(".")))
        else:
            shutil.rmtree(folder)
    return closed
