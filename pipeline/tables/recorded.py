"""A night as it was recorded: the input that every table comes from in the end."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from pipeline import trace


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
    def load(cls, traces: Path, night: date) -> "Recorded":
        """Read a night back; refuses files that their manifests do not vouch for."""
        requests, reads = trace.load(traces, night)
        return cls(
            night,
            requests,
            reads,
            trace.manifests(traces, night),
            trace.read_night(traces, night),
            trace.calibrations(traces, night),
            trace.manifest_hashes(traces, night),
            trace.load_hardware(traces, night),
        )

    @classmethod
    def nothing(cls) -> "Recorded":
        """A night in which nothing was recorded: what tables without rows are built from."""
        return cls(date.min, trace.REQUESTS.to_frame(), trace.READS.to_frame(), [], None)
