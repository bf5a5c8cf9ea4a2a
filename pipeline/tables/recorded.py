"""A night as it was recorded: the input that every table comes from in the end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
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
        cls, traces: Path, night: date, part: Part | None = None, reads: Sequence[str] = tuple(trace.READS)
    ) -> "Recorded":
        """Read a night back, or a part of it; refuses files that their manifests do not vouch for.

        `reads`: columns of them that are needed, none where they are not. Hashes of manifests and samples of the
        hardware come with whole nights alone.
        """
        known = trace.manifests(traces, night)
        of_part = [one for one in known if part is None or one.run_id in part.runs]
        found_requests, found_reads = trace.load_runs(traces, of_part, part.of if part else None, reads)
        return cls(
            night,
            found_requests,
            found_reads,
            of_part,
            trace.read_night(traces, night),
            trace.calibrations(traces, night),
            {} if part else trace.manifest_hashes(traces, night),
            trace.HARDWARE.to_frame() if part else trace.load_hardware(traces, night),
        )

    @classmethod
    def nothing(cls) -> "Recorded":
        """A night in which nothing was recorded: what tables without rows are built from."""
        return cls(date.min, trace.REQUESTS.to_frame(), trace.READS.to_frame(), [], None)


def specs(recorded: Recorded) -> dict[str, str]:
    """The tokenizer of each run whose model has one that is at hand."""
    named = {one.run_id: one.target.tokenizer for one in recorded.manifests if one.target.tokenizer}
    return {run: spec for run, spec in named.items() if tokens.is_at_hand(spec)}
