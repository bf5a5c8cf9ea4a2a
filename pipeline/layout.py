"""Where things lie on disk. Every path of the pipeline is spelled here and nowhere else."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """Return `name` (`sql`, `data-releases`, …) of a checkout, or of an installed wheel."""
    checkout = PACKAGE.parent / name
    return checkout if checkout.exists() else PACKAGE / "_root" / name


def nights_beside(path: Path) -> Iterator[date]:
    """Of which nights files lie beside this one: the path of any night will do.

    One listing of names: years of nights are asked for at every publication.
    """
    head, suffix = "night=", path.suffix
    try:
        listed = os.scandir(path.parent)
    except FileNotFoundError:
        return
    with listed:
        for entry in listed:
            if entry.name.startswith(head) and entry.name.endswith(suffix):
                yield date.fromisoformat(entry.name[len(head) : -len(suffix)])


@dataclass(frozen=True)
class Layout:
    """The folders of one installation: what was recorded, what was derived, what is published.

    `carried`: releases of others, else those of the package. `recorded`: traces that lie outside of `data`.
    """

    data: Path
    site: Path
    carried: Path | None = None
    recorded: Path | None = None

    @classmethod
    def from_environment(cls) -> "Layout":
        """Read `TOKENCLOCK_DATA` and `TOKENCLOCK_SITE`; default to `data/` and `site/` where we stand."""
        data = Path(os.environ.get("TOKENCLOCK_DATA") or "data").absolute()
        site = Path(os.environ.get("TOKENCLOCK_SITE") or data.parent / "site").absolute()
        carried = os.environ.get("TOKENCLOCK_RELEASES")
        return cls(data=data, site=site, carried=Path(carried).absolute() if carried else None)

    @property
    def traces(self) -> Path:
        """Recorded runs, append-only: `traces/night=…/target=…/<run_id>/`."""
        return self.recorded or self.data / "traces"

    @property
    def releases(self) -> Path:
        """Traces that were measured elsewhere and are carried along: `<release>/traces/night=…`."""
        return self.carried or shipped("data-releases")

    def release(self, name: str) -> "Layout":
        """The folders of one release: its traces stay where they are, what is derived lies with our data."""
        return Layout(self.data / "releases" / name, self.site, recorded=self.releases / name / "traces")

    @property
    def inbox(self) -> Path:
        """Where results of collections elsewhere are put; those taken in or refused lie in a folder below."""
        return self.data / "inbox"

    @property
    def tables(self) -> Path:
        """Derived tables, staged as Parquet: `tables/<table>/night=….parquet`."""
        return self.data / "tables"

    def table(self, name: str, night: date) -> Path:
        """The Parquet file of one table and one night."""
        return self.tables / name / f"night={night.isoformat()}.parquet"

    def of_no_night(self, name: str) -> Path:
        """The Parquet file of a table that spans nights, as last published."""
        return self.tables / name / "published.parquet"

    def audit(self, table: str, night: date) -> Path:
        """What the checks said of one table and one night, as JSON."""
        return self.data / "audits" / table / f"night={night.isoformat()}.json"

    def verdict(self, night: date) -> Path:
        """All audits of a night in one file, with what they rest on: what a publication reads."""
        return self.data / "audits" / f"night={night.isoformat()}.json"

    @property
    def stamps(self) -> Path:
        """Names that change when something of a night is written: `stamps/night=….<stamp>`. No part of a backup."""
        return self.data / "stamps"

    @property
    def warehouse(self) -> Path:
        """The published DuckDB file that analysts open."""
        return self.data / "warehouse.duckdb"

    def timeline(self, request_id: str) -> Path:
        """Where the picture of one request goes, unless somebody says otherwise."""
        return self.data / "timelines" / f"{request_id.replace('/', '.')}.svg"

    @property
    def attach(self) -> Path:
        """SQL that gives any DuckDB the same tables, straight from the Parquet files."""
        return self.data / "attach.sql"

    @property
    def dagster_home(self) -> Path:
        """The Dagster instance: run history, schedules, event log."""
        return self.data / "dagster"

    @property
    def charts(self) -> Path:
        """SVG, PNG and Vega-Lite JSON of every chart."""
        return self.site / "charts"
