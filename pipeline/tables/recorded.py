"""A night as it was recorded: the input that every table comes from in the end."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import polars as pl

from pipeline import trace
from pipeline.decode import tokens
from pipeline.tables.parts import Part


@dataclass(frozen=True)
class Recorded:
    """Requests and reads (`trace.REQUESTS`, `trace.READS`), manifests of closed runs, and the census.

    `samples` of the hardware are a frame of `trace.HARDWARE`.
    """

    night: date
    requests: pl.DataFrame
    reads: pl.DataFrame
    manifests: list[trace.Manifest]
    census: trace.Night | None
    calibrations: list[trace.Calibration] = field(default_factory=list)
    manifest_hashes: dict[str, str] = field(default_factory=dict)
    samples: pl.DataFrame = field(default_factory=trace.HARDWARE.to_frame)

    @classmethod
    def load(
        cls,
        traces: Path,
        night: date,
        requests: Sequence[str] = tuple(trace.REQUESTS),
        reads: Sequence[str] = tuple(trace.READS),
    ) -> "Recorded":
        """Read a night back; refuses files that their manifests do not vouch for.

        `requests`, `reads`: their columns that are needed; none, and they are not opened.
        """
        about = cls.about(traces, night)
        found_requests, found_reads = trace.load_runs(traces, about.manifests, requests=requests, reads=reads)
        return replace(
            about,
            requests=found_requests,
            reads=found_reads,
            manifest_hashes=trace.manifest_hashes(traces, night),
            samples=trace.load_hardware(traces, night),
        )

    @classmethod
    def about(cls, traces: Path, night: date) -> "Recorded":
        """What is known of a night before its requests and reads are opened."""
        nothing = cls.nothing()
        manifests, census = trace.manifests(traces, night), trace.read_night(traces, night)
        return replace(
            nothing, night=night, manifests=manifests, census=census, calibrations=trace.calibrations(traces, night)
        )

    def part(self, traces: Path, part: Part, requests: Sequence[str], reads: Sequence[str]) -> "Recorded":
        """Some requests of a night of which that much is known, and their runs alone."""
        runs = [one for one in self.manifests if one.run_id in part.runs]
        found_requests, found_reads = trace.load_runs(traces, runs, part.of, requests=requests, reads=reads)
        return replace(self, manifests=runs, requests=found_requests, reads=found_reads)

    @classmethod
    def nothing(cls) -> "Recorded":
        """A night in which nothing was recorded: what tables without rows are built from."""
        return cls(date.min, trace.REQUESTS.to_frame(), trace.READS.to_frame(), [], None)


def specs(recorded: Recorded) -> dict[str, str]:
    """The tokenizer of each run whose model has one that is at hand."""
    return {one.run_id: str(one.target.tokenizer) for one in recorded.manifests if is_counted(one)}


def is_counted(run: trace.Manifest) -> bool:
    """Whether its model's tokenizer is known and at hand."""
    return bool(run.target.tokenizer) and tokens.is_at_hand(str(run.target.tokenizer))
