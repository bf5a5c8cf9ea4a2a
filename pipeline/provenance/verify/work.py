"""What a verification works on, and what it has to tell beside differences."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from pipeline.layout import Layout


@dataclass(frozen=True)
class Work:
    """The folders to verify, the nights of them, a folder to recompute in, and what was said and counted."""

    layout: Layout
    nights: list[date]
    is_of_some_nights: bool
    workplace: Path
    notes: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, what: str, more: int = 1) -> None:
        """Note that so many of these were looked at."""
        self.counts[what] = self.counts.get(what, 0) + more
